package sqlite

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
)

// migrations are SQL scripts in the order of their names; the n-th leads to schema
// version n. One that was released is never changed again.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. The version is SQLite's own user_version.
func (w *writer) migrate(ctx context.Context) error {
	scripts, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	return w.transaction(ctx, func() error {
		var version int
		if err := w.queryRow("PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		if version > len(scripts) {
			return fmt.Errorf("the file has schema %d and this program knows only %d: a newer Confab wrote it; run that one", version, len(scripts))
		}
		for ; version < len(scripts); version++ {
			script, err := migrations.ReadFile(scripts[version])
			if err != nil {
				return err
			}
			// Not prepared: a script holds many statements.
			if _, err := w.conn.ExecContext(ctx, string(script)); err != nil {
				return fmt.Errorf("migrate with %s: %w", scripts[version], err)
			}
			if _, err := w.exec(fmt.Sprintf("PRAGMA user_version = %d", version+1)); err != nil {
				return err
			}
		}
		return nil
	})
}
