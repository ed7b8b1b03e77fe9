package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web"
)

func from(addr string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = addr }
}

// exhaust asks until it is refused, and returns how often it was not.
func exhaust(t *testing.T, ask func() reply) (n int, refused reply) {
	for range 1000 {
		if a := ask(); a.status == http.StatusTooManyRequests {
			return n, a
		}
		n++
	}
	t.Fatal("never refused")
	return
}

func TestLimits_perAddress(t *testing.T) {
	r := newRig(t)
	guest := func(addr string) func() reply {
		return func() reply { return r.ask("POST", "/api/v1/sessions/guest", `{"name":"ada"}`, from(addr)) }
	}
	n, a := exhaust(t, guest("198.51.100.7:1"))
	require.Equal(t, 300, n)
	a.problem(http.StatusTooManyRequests, domain.CodeRateLimited)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.GreaterOrEqual(t, a.get("retry_after_ms").(float64), 2000.0)

	require.Equal(t, http.StatusTooManyRequests, guest("198.51.100.7:2")().status, "another port is the same client")
	require.Equal(t, http.StatusTooManyRequests, guest("[::ffff:198.51.100.7]:2")().status, "and another notation")
	guest("198.51.100.8:1")().ok(http.StatusCreated)
	r.pass(2 * time.Second)
	guest("198.51.100.7:1")().ok(http.StatusCreated)
	guest("198.51.100.7:1")().problem(http.StatusTooManyRequests, domain.CodeRateLimited)
	r.ask("POST", "/api/v1/users", `{"name":"ada","password":"short"}`, from("198.51.100.7:1")).
		problem(http.StatusBadRequest, domain.CodeInvalid) // of its own count

	exhaust(t, guest("[2001:db8:1:2::1]:1"))
	require.Equal(t, http.StatusTooManyRequests, guest("[2001:db8:1:2:ffff::9]:1")().status, "a /64 is one client")
	guest("[2001:db8:1:3::1]:1")().ok(http.StatusCreated)
}

func TestLimits_forwardedForIsBelievedOfProxiesOnly(t *testing.T) {
	r := newRig(t, func(c *web.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	guest := func(addr string, forwarded ...string) func() reply {
		return func() reply {
			change := []func(*http.Request){from(addr)}
			for _, f := range forwarded {
				change = append(change, header("X-Forwarded-For", f))
			}
			return r.ask("POST", "/api/v1/sessions/guest", `{"name":"ada"}`, change...)
		}
	}
	exhaust(t, guest("10.0.0.1:1", "198.51.100.7"))
	guest("10.0.0.1:1", "198.51.100.8")().ok(http.StatusCreated)
	for situation, ask := range map[string]func() reply{
		"forged to the left":    guest("10.0.0.2:1", "1.2.3.4, 198.51.100.7"),
		"forged in two headers": guest("10.0.0.2:1", "1.2.3.4", "198.51.100.7"),
		"through two proxies":   guest("10.0.0.2:1", "198.51.100.7, 10.9.9.9"),
		"without the proxy":     guest("198.51.100.7:99", "1.2.3.4"),
	} {
		require.Equal(t, http.StatusTooManyRequests, ask().status, situation)
	}
}

func TestLimits_failedSignInsPerAccount(t *testing.T) {
	r := newRig(t)
	r.ask("POST", "/api/v1/users", `{"name":"ada","password":"correct horse"}`).ok(http.StatusCreated)
	i := 0
	signIn := func(name, password string) reply { // each time from another address
		i++
		return r.ask("POST", "/api/v1/sessions", `{"name":"`+name+`","password":"`+password+`"}`, from(fmt.Sprintf("198.51.100.%d:1", i)))
	}
	signIn("ada", "correct horse").ok(http.StatusCreated)
	n, _ := exhaust(t, func() reply { return signIn("Ada", "wrong horse") })
	require.Equal(t, 20, n, "what succeeded does not count")
	require.Equal(t, http.StatusTooManyRequests, signIn("ada", "correct horse").status)
	r.pass(15 * time.Second)
	signIn("ada", "correct horse").ok(http.StatusCreated)
}

// However many guess at once, no more is found out than one after the other; who knows the
// password, or is not told whether, pays nothing.
func TestLimits_failedSignInsAtOnce(t *testing.T) {
	r := newRig(t)
	r.ask("POST", "/api/v1/users", `{"name":"ada","password":"correct horse"}`).ok(http.StatusCreated)
	atOnce := func(n int, password string) map[int]int {
		var mu sync.Mutex
		var all sync.WaitGroup
		answers := map[int]int{}
		for i := range n { // each from another address
			all.Go(func() {
				a := r.ask("POST", "/api/v1/sessions", `{"name":"ada","password":"`+password+`"}`, from(fmt.Sprintf("198.51.100.%d:1", i)))
				mu.Lock()
				defer mu.Unlock()
				answers[a.status]++
			})
		}
		all.Wait()
		return answers
	}
	require.Equal(t, map[int]int{http.StatusCreated: 20}, atOnce(20, "correct horse"))
	r.store.Fail(errors.New("gone"))
	require.Equal(t, map[int]int{http.StatusServiceUnavailable: 20}, atOnce(20, "wrong horse"))
	r.store.Fail(nil)
	require.Equal(t, map[int]int{http.StatusUnauthorized: 20, http.StatusTooManyRequests: 20}, atOnce(40, "wrong horse"))
	r.pass(15 * time.Second)
	require.Equal(t, map[int]int{http.StatusCreated: 1}, atOnce(1, "correct horse"), "who is refused pays nothing, either")
}

func TestLimits_off(t *testing.T) {
	r := newRig(t, func(c *web.Config) { c.Limits = false })
	for range 200 {
		r.guest("ada")
	}
}
