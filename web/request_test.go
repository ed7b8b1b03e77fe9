package web

import (
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
)

func TestRoomsCursor_roundTrip(t *testing.T) {
	id := domain.RoomID(domain.NewID())
	got, ok := parseRoomsCursor(roomsCursor(id))
	require.True(t, ok)
	require.Equal(t, id, got)
}

// FuzzRoomsCursor: whatever is accepted is a room id, and one cursor is one id.
func FuzzRoomsCursor(f *testing.F) {
	f.Add(roomsCursor("k3v5q2x7m4n6p2r7s5t3"))
	f.Add("")
	f.Add("cm9vbXMxOg")
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := parseRoomsCursor(s)
		if ok && (!domain.ValidID(string(id)) || roomsCursor(id) != s) {
			t.Fatalf("%q is accepted as %q", s, id)
		}
	})
}

// FuzzQuery: a page's numbers are within their bounds, or there is an error.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"limit=50", "limit=0", "limit=1e9", "before=1&after=9007199254740991", "limit=5&limit=6", "after=%zz", "after=+1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL = &url.URL{RawQuery: raw}
		q := queryOf(r)
		limit := q.limit()
		before, there := q.seq("before", 1)
		if q.err != nil {
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(q.err))
			return
		}
		if limit < 1 || limit > domain.MaxPageSize || before > maxSeq || there && before == 0 {
			t.Fatalf("%q gives limit %d, before %d", raw, limit, before)
		}
	})
}

func TestIPLimits_memoryIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	l := newIPLimits(true, func() time.Time { return now })
	one := limit{burst: 1, every: time.Hour}
	require.NoError(t, l.take("x", "victim", one))
	for i := range 3 * bucketsKept {
		ip := netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)})
		require.NoError(t, l.take("x", network(ip), one))
		if i%1000 == 0 { // whoever keeps asking is not forgotten
			require.Error(t, l.take("x", "victim", one))
		}
		require.LessOrEqual(t, len(l.young)+len(l.old), 2*bucketsKept)
	}
}

func TestSpread(t *testing.T) {
	for _, d := range []time.Duration{-1, 0, 700 * time.Millisecond, time.Hour} {
		seen := map[time.Duration]bool{}
		for range 100 {
			got := spread(d)
			require.GreaterOrEqual(t, got, max(d, 250*time.Millisecond))
			require.Less(t, got, max(d, 250*time.Millisecond)*3/2)
			seen[got] = true
		}
		require.Greater(t, len(seen), 50, "clients told at once do not come back at once")
	}
}

func TestCodes_allHaveAStatusAndACloseCode(t *testing.T) {
	for _, c := range []domain.Code{
		domain.CodeInvalid, domain.CodeUnauthenticated, domain.CodeForbidden, domain.CodeNotFound, domain.CodeConflict,
		domain.CodeTooLarge, domain.CodeRateLimited, domain.CodeUnavailable, domain.CodeInternal,
	} {
		require.NotZero(t, statusOf(c), c)
		require.NotZero(t, closeCodeOf(c), c)
		require.NotEmpty(t, codes[c].title, c)
	}
}

func TestOriginPolicy_upgrades(t *testing.T) {
	p, err := newOriginPolicy([]string{"https://partner.example:8443"}, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	require.NoError(t, err)
	for _, x := range []struct {
		situation string
		headers   []string // name, value, …
		allowed   bool
	}{
		{"own", []string{"Origin", "http://chat.example"}, true},
		{"allowed", []string{"Origin", "https://partner.example:8443"}, true},
		{"none", nil, true},
		{"null", []string{"Origin", "null"}, false},
		{"empty", []string{"Origin", ""}, false},
		{"evil", []string{"Origin", "http://evil.example"}, false},
		{"evil with a token", []string{"Origin", "http://evil.example", "Authorization", "Bearer x"}, false},
		{"own behind evil", []string{"Origin", "http://chat.example.evil.example"}, false},
		{"own with user info", []string{"Origin", "http://chat.example@evil.example"}, false},
		{"own on another port", []string{"Origin", "http://chat.example:444"}, false},
		{"own by https", []string{"Origin", "https://chat.example"}, false},
		{"own by https behind TLS", []string{"Origin", "https://chat.example", "X-Forwarded-Proto", "https"}, true},
		{"own by http behind TLS", []string{"Origin", "http://chat.example", "X-Forwarded-Proto", "https"}, false},
		{"in upper case", []string{"Origin", "HTTP://CHAT.EXAMPLE"}, false},
		{"allowed on another port", []string{"Origin", "https://partner.example"}, false},
		{"two", []string{"Origin", "http://chat.example", "Origin", "http://chat.example"}, false},
		{"with a path", []string{"Origin", "http://chat.example/"}, false},
	} {
		r := httptest.NewRequest("GET", "http://chat.example/ws", nil)
		r.RemoteAddr = "10.1.2.3:4711"
		for i := 0; i < len(x.headers); i += 2 {
			r.Header.Add(x.headers[i], x.headers[i+1])
		}
		require.Equal(t, x.allowed, p.allows(r), x.situation)
	}
}
