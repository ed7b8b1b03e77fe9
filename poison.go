package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/redis/go-redis/v9"

	"confab/domain"
	"confab/projector"
)

// poisonCmd looks after the dead letters: entries of the log that the projector could
// not read and has set aside.
type poisonCmd struct {
	List  poisonListCmd  `cmd:"" help:"List the entries of the log that were set aside, oldest first in each partition."`
	Retry poisonRetryCmd `cmd:"" help:"Put entries back into the log, for after an update that can read them."`
	Drop  poisonDropCmd  `cmd:"" help:"Remove entries for ever."`
}

type poisonListCmd struct{}

// Run lists the dead letters of all partitions.
func (poisonListCmd) Run(ctx context.Context, cfg Config, stdout io.Writer) error {
	return withDeadLetters(ctx, cfg, func(client *redis.Client, partitions int) error {
		// An error of writing comes again from Flush.
		table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "PARTITION\tID\tREASON\tSET ASIDE\tENTRY\tCONTENT")
		for i := range partitions {
			if err := listPartition(ctx, client, domain.Partition(i), table); err != nil {
				return err
			}
		}
		return table.Flush()
	})
}

func listPartition(ctx context.Context, client *redis.Client, p domain.Partition, table io.Writer) error {
	const page = 100
	for after := ""; ; {
		letters, err := projector.ListPoison(ctx, client, p, after, page)
		if err != nil {
			return err
		}
		for _, l := range letters {
			_, _ = fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\n", p, l.ID, word(l.Reason), setAside(l.ID), word(l.Entry), excerpt(l))
			after = l.ID
		}
		if len(letters) < page {
			return nil
		}
	}
}

// setAside reads the time off the id of a stream entry.
func setAside(id string) string {
	ms, _, _ := strings.Cut(id, "-")
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return "-"
	}
	return time.UnixMilli(n).UTC().Format(time.RFC3339)
}

// word is s, which anybody may have written into Redis, in a form that cannot do
// anything to a terminal or to the table.
func word(s string) string {
	if s == "" {
		return "-"
	}
	quoted := strconv.QuoteToASCII(s)
	return quoted[1 : len(quoted)-1]
}

// excerpt shows how a letter begins, quoted for the same reason.
func excerpt(l projector.DeadLetter) string {
	const most = 60
	content := l.Payload
	for _, f := range l.Fields {
		content = fmt.Appendf(content, "%s=%s ", f.Name, f.Value)
	}
	if len(content) <= most {
		return strconv.QuoteToASCII(string(content))
	}
	return fmt.Sprintf("%s... (%d bytes)", strconv.QuoteToASCII(string(content[:most])), len(content))
}

// letterArgs name dead letters as list prints them.
type letterArgs struct {
	Partition int      `arg:"" help:"Partition of the entries."`
	IDs       []string `arg:"" name:"id" help:"Their ids, as list prints them."`
}

type poisonRetryCmd struct {
	letterArgs
}

// Run puts the letters back into the log.
func (c poisonRetryCmd) Run(ctx context.Context, cfg Config, stdout io.Writer) error {
	return c.each(ctx, cfg, stdout, "put back", projector.RetryPoison)
}

type poisonDropCmd struct {
	letterArgs
}

// Run removes the letters.
func (c poisonDropCmd) Run(ctx context.Context, cfg Config, stdout io.Writer) error {
	return c.each(ctx, cfg, stdout, "dropped", projector.DropPoison)
}

// each does something to every letter. A letter that cannot be found does not keep
// the others from it.
func (a letterArgs) each(ctx context.Context, cfg Config, stdout io.Writer, done string,
	do func(context.Context, redis.UniversalClient, domain.Partition, string) error,
) error {
	return withDeadLetters(ctx, cfg, func(client *redis.Client, partitions int) error {
		if a.Partition < 0 || a.Partition >= partitions {
			return fmt.Errorf("there is no partition %d; they are 0 to %d", a.Partition, partitions-1)
		}
		var errs []error
		for _, id := range a.IDs {
			if err := do(ctx, client, domain.Partition(a.Partition), id); err != nil {
				errs = append(errs, err)
				continue
			}
			if _, err := fmt.Fprintf(stdout, "%s %d %s\n", done, a.Partition, id); err != nil {
				return err
			}
		}
		return errors.Join(errs...)
	})
}

// withDeadLetters calls f with the Redis of the settings and the number of partitions
// with which it was set up.
func withDeadLetters(ctx context.Context, cfg Config, f func(client *redis.Client, partitions int) error) error {
	if cfg.embeddedRedis() {
		return errors.New("poison: an embedded Redis is seen by its own process only; set redis-url")
	}
	options, err := redisOptions(cfg.RedisURL)
	if err != nil {
		return err
	}
	clients := newRedisClients(options, 3*time.Second, cfg.Partitions)
	defer func() { _ = clients.Close() }() // nothing of it is left to do
	partitions, err := clients.write.Get(ctx, partitionsKey).Int()
	if errors.Is(err, redis.Nil) {
		return errors.New("poison: no Confab has used this Redis yet")
	}
	if err == nil {
		err = f(clients.write, partitions)
	}
	if err != nil {
		return fmt.Errorf("poison: %w", err)
	}
	return nil
}
