package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// writer is the one connection that writes, with its statements prepared. SQLite has
// one writer at a time anyway; a queue here is fair, where SQLite's busy handler sleeps.
type writer struct {
	turn  chan struct{} // holds one token; who took it may use the rest
	db    *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func openWriter(ctx context.Context, path string) (*writer, error) {
	db, err := sql.Open("sqlite", dataSource(path,
		"_pragma=busy_timeout(10000)", // for another program's sake only, such as a backup
		"_pragma=journal_mode(WAL)",
		"_pragma=synchronous(FULL)", // a commit returns when it is on disk: one fsync of the WAL
		"_pragma=journal_size_limit(67108864)",
	))
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	w := &writer{turn: make(chan struct{}, 1), db: db, conn: conn, stmts: map[string]*sql.Stmt{}}
	w.turn <- struct{}{}
	return w, nil
}

// transaction runs f in a transaction of its own, which is on disk when it returns
// without an error, and was never there when it returns one. ctx ends the waiting for
// one's turn; what f does is short or looks at ctx itself.
func (w *writer) transaction(ctx context.Context, f func() error) (err error) {
	select {
	case _, ok := <-w.turn:
		if !ok {
			return sql.ErrConnDone
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { w.turn <- struct{}{} }()
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err = f(); err == nil {
		_, err = w.exec("COMMIT")
	}
	if err != nil {
		// An error such as a full disk may have ended the transaction already.
		_, _ = w.exec("ROLLBACK")
	}
	return err
}

func (w *writer) exec(query string, args ...any) (sql.Result, error) {
	stmt, err := w.prepared(query) //nolint:sqlclosecheck // close does, when all is done
	if err != nil {
		return nil, err
	}
	return stmt.Exec(args...)
}

func (w *writer) query(query string, args ...any) (*sql.Rows, error) {
	stmt, err := w.prepared(query) //nolint:sqlclosecheck // close does, when all is done
	if err != nil {
		return nil, err
	}
	return stmt.Query(args...)
}

func (w *writer) queryRow(query string, args ...any) scanner {
	stmt, err := w.prepared(query) //nolint:sqlclosecheck // close does, when all is done
	if err != nil {
		return failedRow{err}
	}
	return stmt.QueryRow(args...)
}

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

func (w *writer) prepared(query string) (*sql.Stmt, error) {
	if stmt := w.stmts[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("prepare %.40s…: %w", query, err)
	}
	w.stmts[query] = stmt
	return stmt, nil
}

// close waits for whoever has the turn. The last connection to a file that closes
// writes the WAL back into it.
func (w *writer) close() error {
	<-w.turn
	close(w.turn)
	var errs []error
	for _, stmt := range w.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, w.conn.Close(), w.db.Close())...)
}
