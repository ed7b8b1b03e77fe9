package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// redisClients are three clients of one Redis, because they fail differently.
type redisClients struct {
	// write never retries by itself: a command that timed out may have been carried
	// out, and only the caller knows how to ask again without doing it twice.
	write *redis.Client
	// blocking is for commands that wait on the server. Each holds a connection
	// meanwhile, so it has a pool of its own.
	blocking *redis.Client
	// live is for Pub/Sub.
	live *redis.Client
	// options are those of write.
	options redis.Options
}

// newRedisClients does no I/O: connections are made when they are needed. timeout is
// how long a command may take; a stopped server is noticed after it.
func newRedisClients(base redis.Options, timeout time.Duration, partitions int) redisClients {
	base.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	base.DisableIdentity = true
	base.DialTimeout = 2 * time.Second
	base.PoolTimeout = timeout + time.Second // a queue for connections is not a Redis that is away
	base.ContextTimeoutEnabled = true
	base.MaxRetries = -1
	base.ReadTimeout, base.WriteTimeout = timeout, timeout

	write, blocking, live := base, base, base
	write.PoolSize = 10 * runtime.GOMAXPROCS(0)
	blocking.PoolSize = partitions + 4
	blocking.ReadTimeout = timeout + 2*time.Second
	live.Protocol = 2
	return redisClients{write: redis.NewClient(&write), blocking: redis.NewClient(&blocking), live: redis.NewClient(&live), options: base}
}

// append returns a client for appends alone, which may be kept from a server. Close it.
func (c redisClients) append(onConnect func(context.Context, *redis.Conn) error) *redis.Client {
	options := c.options
	options.OnConnect = onConnect
	return redis.NewClient(&options)
}

func (c redisClients) Close() error {
	return errors.Join(c.live.Close(), c.blocking.Close(), c.write.Close())
}

// redisOptions reads a redis:// or rediss:// URL.
func redisOptions(url Secret) (redis.Options, error) {
	opts, err := redis.ParseURL(string(url))
	if err != nil {
		// What ParseURL says may hold the password.
		return redis.Options{}, errors.New("redis-url: it is not of the form redis://[user:password@]host[:port][/database]; in a password, write % / # ? @ and spaces percent-encoded")
	}
	if opts.TLSConfig != nil {
		opts.TLSConfig.MinVersion = tls.VersionTLS12
	}
	return *opts, nil
}

// redisLogger takes what go-redis would write to stderr by itself. Whoever needs a Redis that
// is away says so, too.
type redisLogger struct{ *slog.Logger }

// Printf implements go-redis' logging interface.
func (l redisLogger) Printf(ctx context.Context, format string, v ...any) {
	l.DebugContext(ctx, fmt.Sprintf(format, v...))
}

// permanent is an error that waiting does not mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// checkRedis returns when Redis answers. It wants version 7, which lets XADD choose the last
// part of an id. The embedded Redis does not tell its version, and can.
func checkRedis(ctx context.Context, c *redis.Client) error {
	if err := c.Ping(ctx).Err(); err != nil {
		return err
	}
	info, err := c.Info(ctx, "server").Result()
	if err != nil {
		return nil //nolint:nilerr // an ACL may forbid INFO; then the first XADD tells
	}
	_, rest, _ := strings.Cut(info, "redis_version:")
	version, _, _ := strings.Cut(rest, "\r\n")
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err == nil && n < 7 {
		return permanent{fmt.Errorf("redis %s is too old; 7 or later is needed", version)}
	}
	return nil
}

// weakSettings says what in Redis's settings is too weak for the promise that an
// acked event is never lost. A Redis that does not tell its settings passes.
func weakSettings(ctx context.Context, c *redis.Client) []string {
	settings := map[string]string{"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
	ask := []any{"config", "get"}
	for name := range settings {
		ask = append(ask, name)
	}
	query := redis.NewMapStringStringCmd(ctx, ask...)
	_ = c.Process(ctx, query) // Val is empty then
	got := query.Val()
	var weak []string
	for name, want := range settings {
		if got[name] != "" && got[name] != want {
			weak = append(weak, fmt.Sprintf("redis has %q set to %q; acked events may be lost unless it is %q", name, got[name], want))
		}
	}
	slices.Sort(weak)
	return weak
}
