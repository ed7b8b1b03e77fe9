package accounts

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
)

func TestHash_isArgon2idAsOWASPAdvises(t *testing.T) {
	h := newHasher()
	a, err := h.hash(t.Context(), "correct horse")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(a, "$argon2id$v=19$m=19456,t=2,p=1$"), a)
	b, err := h.hash(t.Context(), "correct horse")
	require.NoError(t, err)
	require.NotEqual(t, a, b, "each has its salt")
	for password, want := range map[string]bool{"correct horse": true, "correct horsE": false, "": false, "correct horse\x00": false} {
		got, err := h.verify(t.Context(), password, a)
		require.NoError(t, err)
		require.Equal(t, want, got, password)
	}
}

// The hash is a test vector of the reference implementation (phc-winner-argon2, test.c).
func TestVerify_knownHashes(t *testing.T) {
	h := newHasher()
	ok, err := h.verify(t.Context(), "password",
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	require.NoError(t, err)
	require.True(t, ok)
	for _, encoded := range []string{
		"x", "$argon2i$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MjZP1+1U9JUbDWvDvtLyEg",
		"$argon2id$v=19$m=99999999,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MjZP1+1U9JUbDWvDvtLyEg",
		"$argon2id$v=19$m=64,t=0,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MjZP1+1U9JUbDWvDvtLyEg",
		"$argon2id$v=19$m=64,t=1,p=1$!$MjZP1+1U9JUbDWvDvtLyEg", "$argon2id$v=19$m=64,t=1,p=1$MDEy$",
		"$argon2id$v=16$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MjZP1+1U9JUbDWvDvtLyEg",
	} {
		_, err := h.verify(t.Context(), "correct horse", encoded)
		require.Error(t, err, encoded)
	}
}

func TestVerify_unknownUserTakesAsLong(t *testing.T) {
	h := newHasher()
	known, err := h.hash(t.Context(), "correct horse")
	require.NoError(t, err)
	require.Equal(t, known[:len("$argon2id$v=19$m=19456,t=2,p=1$")], h.decoy[:len("$argon2id$v=19$m=19456,t=2,p=1$")], "the same work")
	times := map[string]time.Duration{known: time.Hour, "": time.Hour}
	for range 7 { // by turns, so that a busy machine is so for both; the fastest counts
		for encoded := range times {
			start := time.Now()
			ok, err := h.verify(t.Context(), "wrong horse", encoded)
			require.NoError(t, err)
			require.False(t, ok)
			times[encoded] = min(times[encoded], time.Since(start))
		}
	}
	require.Greater(t, times[""], times[known]/2)
	require.Greater(t, times[known], times[""]/2)
}

func TestHasher_twoAtATimeAndAShortQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher()
		inside := make(chan func())
		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan error, hashQueue)
		var leaves []func()
		for range hashesAtOnce {
			leave, err := h.enter(t.Context())
			require.NoError(t, err)
			leaves = append(leaves, leave)
		}
		for range hashQueue {
			go func() {
				leave, err := h.enter(ctx)
				waiting <- err
				if err == nil {
					inside <- leave
				}
			}()
		}
		synctest.Wait()
		require.Empty(t, waiting, "all of the queue wait")
		_, err := h.enter(t.Context())
		require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "the queue is full")

		leaves[0]()
		synctest.Wait()
		require.NoError(t, <-waiting)
		require.Empty(t, waiting, "one left, one came")
		(<-inside)()
		cancel()
		synctest.Wait()
		for range hashQueue - 1 {
			if err := <-waiting; err == nil {
				(<-inside)()
			} else {
				require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
			}
		}
		leaves[1]()
		require.Empty(t, h.queued)
		require.Empty(t, h.running)
	})
}

// What the store holds as a password's hash costs no more than ours, or is refused.
func FuzzPHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA")
	f.Add("$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdA$aGFzaA")
	f.Add("$2a$10$abc")
	f.Fuzz(func(t *testing.T, s string) {
		p, salt, hash, err := parsePHC(s)
		if err != nil {
			return
		}
		require.LessOrEqual(t, p.memoryKiB, uint32(256*1024))
		p2, salt2, hash2, err := parsePHC(phc(p, salt, hash))
		require.NoError(t, err)
		require.Equal(t, p, p2)
		require.Equal(t, string(salt), string(salt2))
		require.Equal(t, hash, hash2)
	})
}
