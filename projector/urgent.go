package projector

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// urgent is a script that a Redis which is full (maxmemory, noeviction) has to run, too: what
// it writes lets others free memory. A server that says OOM runs it again with the flag
// allow-oom (Redis' documentation, "Eval scripts: script flags"), which miniredis, never full,
// does not know. The first write has to be the first command that such a server may refuse.
type urgent struct{ plain, anyway *redis.Script }

func newUrgent(source string) urgent {
	return urgent{redis.NewScript(source), redis.NewScript("#!lua flags=allow-oom\n" + source)}
}

func (u urgent) Run(ctx context.Context, c redis.Scripter, keys []string, args ...any) *redis.Cmd {
	cmd := u.plain.Run(ctx, c, keys, args...)
	if redis.HasErrorPrefix(cmd.Err(), "OOM") {
		return u.anyway.Run(ctx, c, keys, args...)
	}
	return cmd
}
