package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
)

func TestReports_violation(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	const room = "aaaaaaaaaaaaaaaaaaaa" // there is none: a report is no way to find out
	a := ada.ask("POST", "/api/v1/reports", `{"kind":"violation","room":"`+room+`","want":42,"got":44}`,
		header("User-Agent", "agent-of-ada")).ok(http.StatusNoContent)
	require.Empty(t, a.raw)
	require.Contains(t, r.ask("GET", "/metrics", "").raw, "confab_web_client_violations_total 1")
	line := ""
	for l := range strings.Lines(r.logged.String()) {
		if strings.Contains(l, `"level":"WARN"`) {
			line += l
		}
	}
	require.Equal(t, 1, strings.Count(line, "\n"))
	for _, part := range []string{`"user":"` + string(ada.user.ID) + `"`, `"room":"` + room + `"`, `"want":42`, `"got":44`} {
		require.Contains(t, line, part)
	}
	require.NotContains(t, line, "agent-of-ada")

	r.ask("POST", "/api/v1/reports", `{"kind":"violation","room":"`+room+`","want":42,"got":44}`).problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
}

func TestReports_refusesWhatIsNone(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	for _, body := range []string{
		`{}`, `[]`, `{`,
		`{"kind":"crash","room":"aaaaaaaaaaaaaaaaaaaa","want":1,"got":2}`,
		`{"kind":"violation","want":1,"got":2}`,
		`{"kind":"violation","room":"x\n{\"level\":\"ERROR\"}","want":1,"got":2}`,
		`{"kind":"violation","room":"aaaaaaaaaaaaaaaaaaaa","got":2}`,
		`{"kind":"violation","room":"aaaaaaaaaaaaaaaaaaaa","want":2}`,
		`{"kind":"violation","room":"aaaaaaaaaaaaaaaaaaaa","want":2,"got":2}`,
		`{"kind":"violation","room":"aaaaaaaaaaaaaaaaaaaa","want":-1,"got":2}`,
		`{"kind":"violation","room":"aaaaaaaaaaaaaaaaaaaa","want":1,"got":1.5}`,
		`{"kind":"violation","room":"aaaaaaaaaaaaaaaaaaaa","want":"1","got":2}`,
		`{"kind":"violation","room":"aaaaaaaaaaaaaaaaaaaa","want":1,"got":9007199254740992}`,
	} {
		ada.ask("POST", "/api/v1/reports", body).problem(http.StatusBadRequest, domain.CodeInvalid)
	}
	require.Contains(t, r.ask("GET", "/metrics", "").raw, "confab_web_client_violations_total 0")
	require.NotContains(t, r.logged.String(), `"level":"WARN"`)
}

func TestReports_limitPerUser(t *testing.T) {
	r := newRig(t)
	ada, bob := r.guest("ada"), r.guest("bob")
	report := func(p person) func() reply {
		return func() reply {
			return p.ask("POST", "/api/v1/reports", `{"kind":"violation","room":"aaaaaaaaaaaaaaaaaaaa","want":42,"got":44}`)
		}
	}
	n, refused := exhaust(t, report(ada))
	require.Equal(t, 20, n)
	refused.problem(http.StatusTooManyRequests, domain.CodeRateLimited)
	report(bob)().ok(http.StatusNoContent)
	r.pass(10 * time.Second)
	report(ada)().ok(http.StatusNoContent)
	report(ada)().problem(http.StatusTooManyRequests, domain.CodeRateLimited)
	metrics := r.ask("GET", "/metrics", "").raw
	require.Contains(t, metrics, "confab_web_client_violations_total 22")
	require.Contains(t, metrics, `confab_web_rate_limited_total{what="report"} 2`)
}
