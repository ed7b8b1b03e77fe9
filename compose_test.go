package main

import (
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/redis/go-redis/v9"

	"confab/domain/domaintest"
	"confab/nginx"
)

// No container engine runs where these tests do, so compose.yaml is held to what the
// program, nginx.conf and redis-server say of it.

func loadCompose(t *testing.T, env ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"compose.yaml"}, cli.WithEnv(env))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

var confabServices = []string{"node1", "node2", "node3", "node4", "projector"}

func TestCompose_services(t *testing.T) {
	p := loadCompose(t)
	want := append([]string{"mongo", "nginx", "redis"}, confabServices...)
	slices.Sort(want)
	if got := p.ServiceNames(); !slices.Equal(got, want) {
		t.Fatalf("services %v, want %v", got, want)
	}
	var builders []string
	pinned := regexp.MustCompile(`^[a-z]+:\d+\.\d+\.\d+(-alpine)?$`)
	for name, s := range p.Services {
		if s.Build != nil {
			builders = append(builders, s.Image)
		}
		if ours := slices.Contains(confabServices, name); ours != (s.Image == "confab:local") || !ours && !pinned.MatchString(s.Image) {
			t.Errorf("%s: image %q is neither ours nor pinned to a version", name, s.Image)
		}
		if s.HealthCheck == nil || len(s.HealthCheck.Test) < 2 {
			t.Errorf("%s has no health check", name)
		}
		if s.Restart != types.RestartPolicyUnlessStopped {
			t.Errorf("%s: restart is %q", name, s.Restart)
		}
		if !s.ReadOnly || s.User == "" || strings.HasPrefix(s.User, "0") || s.User == "root" || s.Privileged ||
			!slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s has more rights than it needs", name)
		}
		if s.Deploy == nil || s.Deploy.Resources.Limits == nil || s.Deploy.Resources.Limits.MemoryBytes == 0 ||
			s.Deploy.Resources.Limits.NanoCPUs == 0 || s.Deploy.Resources.Limits.Pids == 0 {
			t.Errorf("%s may take the whole machine", name)
		}
		if len(s.Ports) > 0 && (name != "nginx" || len(s.Ports) != 1 || s.Ports[0].Published != "8080") {
			t.Errorf("%s publishes %v", name, s.Ports)
		}
	}
	if !slices.Equal(builders, []string{"confab:local"}) {
		t.Errorf("%q are built", builders)
	}
	if !p.Networks["data"].Internal || p.Services["nginx"].Networks["data"] != nil {
		t.Error("the data network is open")
	}
	for name, volume := range map[string]string{"redis": "/data", "mongo": "/data/db"} {
		if !slices.ContainsFunc(p.Services[name].Volumes, func(v types.ServiceVolumeConfig) bool {
			return v.Type == types.VolumeTypeVolume && v.Target == volume
		}) {
			t.Errorf("%s keeps %s in no volume", name, volume)
		}
	}
}

func TestCompose_startsInOrder(t *testing.T) {
	p := loadCompose(t)
	needs := func(service string, on ...string) {
		for _, other := range on {
			if p.Services[service].DependsOn[other].Condition != types.ServiceConditionHealthy {
				t.Errorf("%s does not wait for a healthy %s", service, other)
			}
		}
	}
	for _, name := range confabServices {
		needs(name, "redis", "mongo")
	}
	needs("nginx", "node1", "node2", "node3", "node4")
}

// The settings are known to the program and make sense together.
func TestCompose_settingsAreAccepted(t *testing.T) {
	for _, operators := range [][]string{nil, {"CONFAB_ORIGINS=https://chat.example.org", "CONFAB_GUESTS=on", "CONFAB_LOG=debug,text"}} {
		p := loadCompose(t, operators...)
		for _, name := range confabServices {
			var env []string
			for key, value := range p.Services[name].Environment {
				env = append(env, key+"="+*value)
			}
			var out, errOut strings.Builder
			if err := run(t.Context(), []string{"config"}, env, &out, &errOut); err != nil {
				t.Errorf("%s: %v\n%s", name, err, errOut.String())
			}
			role := strings.TrimRight(name, "1234")
			for _, line := range append(operators, "CONFAB_ROLES="+role, "CONFAB_NODE="+name, "CONFAB_ADDR=:8080") {
				if !strings.Contains(out.String(), line+"\n") {
					t.Errorf("%s: `confab config` does not say %s:\n%s", name, line, out.String())
				}
			}
			if strings.Contains(out.String(), "CONFAB_REDIS_URL=\n") || strings.Contains(out.String(), "CONFAB_MONGO_URI=\n") {
				t.Errorf("%s is not of the cluster:\n%s", name, out.String())
			}
			if grace := time.Duration(*p.Services[name].StopGracePeriod); grace < 2*10*time.Second { // twice the default of CONFAB_DRAIN
				t.Errorf("%s is killed after %v, before it has drained", name, grace)
			}
		}
	}
}

func TestCompose_nginxKnowsTheNodes(t *testing.T) {
	p := loadCompose(t)
	proxy := p.Services["nginx"]
	if !slices.ContainsFunc(proxy.Volumes, func(v types.ServiceVolumeConfig) bool {
		return strings.HasSuffix(v.Source, "/nginx/nginx.conf") && v.Target == "/etc/nginx/nginx.conf" && v.ReadOnly
	}) {
		t.Error("nginx does not get the shipped nginx.conf")
	}
	var upstream []string
	for _, match := range regexp.MustCompile(`(?m)^\s+server (\w+):8080 `).FindAllStringSubmatch(nginx.Conf, -1) {
		upstream = append(upstream, match[1])
	}
	if want := []string{"node1", "node2", "node3", "node4"}; !slices.Equal(upstream, want) {
		t.Errorf("nginx.conf sends to %v, want %v", upstream, want)
	}
	addresses := map[string]string{}
	subnet := netip.MustParsePrefix(p.Networks["edge"].Ipam.Config[0].Subnet)
	for _, name := range append(upstream, "nginx") {
		address := p.Services[name].Networks["edge"].Ipv4Address
		if other := addresses[address]; other != "" || !subnet.Contains(netip.MustParseAddr(address)) {
			t.Errorf("%s has the address %s, which is %s's or not of %s", name, address, other, subnet)
		}
		addresses[address] = name
	}
	for _, name := range upstream {
		trusted := netip.MustParsePrefix(*p.Services[name].Environment["CONFAB_TRUSTED_PROXIES"])
		if !trusted.IsSingleIP() || addresses[trusted.Addr().String()] != "nginx" {
			t.Errorf("%s believes X-Forwarded-For of %s, which is not nginx alone", name, trusted)
		}
	}
}

// redis-server itself has to accept the flags and mean by them what we need.
func TestCompose_redisKeepsWhatIsAcked(t *testing.T) {
	command := loadCompose(t).Services["redis"].Command
	if command[0] != "redis-server" {
		t.Fatalf("command: %q", command)
	}
	client := redis.NewClient(&redis.Options{Addr: domaintest.StartRedis(t, command[1:]...).Addr})
	defer client.Close()
	for name, want := range map[string]string{
		"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "maxmemory": "1073741824", "save": "",
	} {
		got, err := client.ConfigGet(t.Context(), name).Result()
		if err != nil || got[name] != want {
			t.Errorf("%s is %q, want %q (%v)", name, got[name], want, err)
		}
	}
	got, err := client.ConfigGet(t.Context(), "client-output-buffer-limit").Result()
	if err != nil || !strings.Contains(got["client-output-buffer-limit"], "pubsub 33554432 8388608 60") {
		t.Errorf("client-output-buffer-limit is %q (%v)", got, err)
	}
}

func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	gomod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	stages := strings.Split(string(text), "\nFROM ")
	final := stages[len(stages)-1]
	for _, need := range []string{"scratch\n", "\nUSER 65532:65532\n", "\nHEALTHCHECK ", `["/confab", "health"]`, `ENTRYPOINT ["/confab"]`} {
		if !strings.Contains(final, need) {
			t.Errorf("the last stage lacks %q", need)
		}
	}
	if !strings.Contains(string(text), "CGO_ENABLED=0") {
		t.Error("a program that is linked dynamically does not start in an empty image")
	}
	ignore, err := os.ReadFile(".dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	deps, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.Lines(string(deps)) {
		folder, ours := strings.CutPrefix(strings.TrimSpace(dep), "confab/")
		folder, _, _ = strings.Cut(folder, "/")
		if ours && !strings.Contains(string(ignore), "\n!"+folder+"\n") {
			t.Errorf("the image is built without %s: .dockerignore", folder)
		}
	}
	language := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(gomod)[1]
	if !regexp.MustCompile(`FROM golang:` + regexp.QuoteMeta(string(language)) + `\.\d+-alpine AS`).Match(text) {
		t.Errorf("the image is not built with Go %s, pinned", language)
	}
}
