package main

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Config is every setting, by flag or environment. Empty RedisURL and MongoURI mean
// the embedded Redis and the embedded store.
type Config struct {
	Addr           string        `default:":8080" help:"Listen address. Port 0 picks one and logs it as addr."`
	Data           string        `default:"./data" help:"Folder of the embedded store."`
	RedisURL       Secret        `name:"redis-url" help:"redis:// or rediss:// URL. Absent: Redis is embedded in the process."`
	MongoURI       Secret        `name:"mongo-uri" help:"mongodb://…/database. Absent: SQLite in the data folder."`
	Roles          []string      `default:"node,projector" help:"What this process does: node, projector, or both."`
	Node           string        `help:"Name of this node in welcome frames and logs. Default: the host name."`
	Guests         string        `enum:"on,off," default:"" help:"on or off: whether people may come in with a name only. Default: on where Redis is embedded."`
	Origins        []string      `help:"Origins (https://host[:port]) of pages that may open a WebSocket, besides the server's own."`
	TrustedProxies []string      `name:"trusted-proxies" help:"Networks (CIDR) of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."`
	Limits         string        `enum:"on,off" default:"on" help:"off turns rate and count limits off, for load tests."`
	Log            string        `default:"info,text" help:"Level (debug, info, warn, error) and format (text, json)."`
	DebugAddr      string        `name:"debug-addr" help:"Address of its own for /metrics and /debug/pprof. Absent: /metrics on the listen address, no pprof."`
	Partitions     int           `default:"16" help:"Parts that the rooms are divided into; fixed when a Redis is used first."`
	HotWindow      int           `name:"hot-window" default:"1000" help:"Events of each room kept in Redis after they are archived."`
	Ping           time.Duration `default:"25s" help:"Interval of WebSocket pings and heartbeats."`
	Drain          time.Duration `default:"10s" help:"How long a stopping node waits until its clients have gone elsewhere; then it cuts them."`
}

// Secret is a setting that may hold a password. It prints redacted.
type Secret string

// String hides the password of a URL, and everything when it is not a URL.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	u, err := url.Parse(string(s))
	if err != nil || strings.Count(string(s), "@") > 1 || u.User == nil && strings.Contains(string(s), "@") {
		return "***" // a password that is not encoded may end anywhere
	}
	if u.RawQuery != "" {
		u.RawQuery = "***" // a driver may take credentials there, too
	}
	return u.Redacted()
}

// GoString keeps %#v from showing it.
func (s Secret) GoString() string { return s.String() }

func (c Config) embeddedRedis() bool  { return c.RedisURL == "" }
func (c Config) has(role string) bool { return slices.Contains(c.Roles, role) }
func (c Config) database() string     { return filepath.Join(c.Data, "confab.db") }
func (c Config) guests() bool {
	return c.Guests == "on" || c.Guests == "" && c.embeddedRedis()
}

// Validate refuses what cannot work, with a sentence that says what to do.
func (c Config) Validate() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, r := range c.Roles {
		if r != "node" && r != "projector" {
			refuse("roles: %q is not a role; use node, projector or node,projector", r)
		}
	}
	if len(c.Roles) == 0 {
		refuse("roles: give at least one of node and projector")
	}
	if c.embeddedRedis() && !(c.has("node") && c.has("projector")) {
		refuse("roles: an embedded Redis is seen by this process only, so it needs both roles; set redis-url to divide them")
	}
	if c.RedisURL != "" && !strings.HasPrefix(string(c.RedisURL), "redis://") && !strings.HasPrefix(string(c.RedisURL), "rediss://") {
		refuse("redis-url: start it with redis:// or rediss://")
	} else if !c.embeddedRedis() {
		if _, err := redisOptions(c.RedisURL); err != nil {
			errs = append(errs, err)
		}
	}
	if c.MongoURI != "" && !strings.HasPrefix(string(c.MongoURI), "mongodb://") && !strings.HasPrefix(string(c.MongoURI), "mongodb+srv://") {
		refuse("mongo-uri: start it with mongodb:// or mongodb+srv://")
	}
	if c.MongoURI == "" && !(c.has("node") && c.has("projector")) {
		refuse("roles: the embedded store is seen by this process only, so it needs both roles; set mongo-uri to divide them")
	}
	if c.Data == "" && c.MongoURI == "" {
		refuse("data: name the folder of the embedded store")
	}
	for _, o := range c.Origins {
		if u, err := url.Parse(o); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || o != u.Scheme+"://"+u.Host {
			refuse("origins: %q is not of the form https://host[:port]", o)
		}
	}
	for _, p := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			refuse("trusted-proxies: %q is not a network such as 10.0.0.0/8 or 192.0.2.7/32", p)
		}
	}
	if c.Partitions < 1 || c.Partitions > 1024 {
		refuse("partitions: give 1 to 1024")
	}
	if c.HotWindow < 1 {
		refuse("hot-window: give at least 1")
	}
	if c.Ping < time.Second {
		refuse("ping: give at least 1s")
	}
	if c.Drain < 0 {
		refuse("drain: give 0s or more")
	}
	return errors.Join(errs...)
}

// inForce returns the settings with those filled in whose defaults depend on others or on
// the machine.
func (c Config) inForce() Config {
	if c.Node == "" {
		c.Node, _ = os.Hostname()
	}
	if c.guests() {
		c.Guests = "on"
	} else {
		c.Guests = "off"
	}
	return c
}

// Redacted returns the settings as lines NAME=value, without secrets.
func (c Config) Redacted() string {
	var b strings.Builder
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		value := v.Field(i).Interface()
		if list, ok := value.([]string); ok {
			value = strings.Join(list, ",")
		}
		fmt.Fprintf(&b, "%s=%v\n", envName(flagName(f)), value)
	}
	return b.String()
}

// flagName is the flag that kong makes of a field of Config.
func flagName(f reflect.StructField) string {
	if name := f.Tag.Get("name"); name != "" {
		return name
	}
	return strings.ToLower(f.Name)
}

func envName(flag string) string {
	return "CONFAB_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// env resolves flags from the CONFAB_ variables of the environment. CONFAB_X_FILE
// names a file that holds the value of CONFAB_X, for secrets.
type env map[string]string

func environment(environ []string) (env, error) {
	e := env{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "CONFAB_") || strings.HasPrefix(name, "CONFAB_TEST_") {
			continue
		}
		if target, ok := strings.CutSuffix(name, "_FILE"); ok {
			content, err := os.ReadFile(value)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			name, value = target, strings.TrimSpace(string(content))
			if value == "" {
				return nil, fmt.Errorf("%s_FILE: there is nothing in the file", target)
			}
		}
		if _, twice := e[name]; twice {
			return nil, fmt.Errorf("%s is given twice, as a value and as a file; keep one of them", name)
		}
		e[name] = value
	}
	return e, nil
}

// Validate implements kong.Resolver.
func (e env) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver.
func (e env) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if value, ok := e[envName(flag.Name)]; ok && flag.Name != "help" {
		return value, nil
	}
	return nil, nil
}

// checkNames refuses a variable that is not a setting: most likely it is misspelt.
func (e env) checkNames(parser *kong.Kong) error {
	known := map[string]bool{}
	for _, flag := range parser.Model.Flags {
		known[envName(flag.Name)] = flag.Name != "help"
	}
	for name := range e {
		if !known[name] {
			return fmt.Errorf("%s is not a setting; confab --help lists them", name)
		}
	}
	return nil
}
