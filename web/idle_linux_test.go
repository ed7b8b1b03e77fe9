package web_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/web"
	"confab/web/frames"
)

// BenchmarkConn_idle is the memory of a connection that has joined a room and then
// says nothing, in bytes of heap and of stacks. Its clients are bare descriptors, so
// that all of it is the server's. The rest of a node's part of it is the hub's.
func BenchmarkConn_idle(b *testing.B) {
	addr, tokens, subscribe, hub := idleServer(b, b.N)
	before := memoryNow()
	b.ResetTimer()
	for _, token := range tokens {
		fd := join(b, addr, token, subscribe)
		defer syscall.Close(fd)
	}
	hub.waitFor(b.N)
	b.StopTimer()
	after := memoryNow()
	b.ReportMetric(float64(after.heap-before.heap)/float64(b.N), "heap-B/conn")
	b.ReportMetric(float64(after.stack-before.stack)/float64(b.N), "stack-B/conn")
	b.ReportMetric(float64(after.rss-before.rss)/float64(b.N), "rss-B/conn")
}

// Connections that wait for their clients have no goroutine, and are there all the same.
func TestConn_parkedHasNoGoroutine(t *testing.T) {
	const n = 50
	addr, token, subscribe, hub := idleServer(t, 1)
	before := runtime.NumGoroutine()
	var clients []int
	for range n {
		fd := join(t, addr, token[0], subscribe)
		t.Cleanup(func() { syscall.Close(fd) })
		clients = append(clients, fd)
	}
	hub.waitFor(n)
	goroutines := func(are func(n int) bool) {
		t.Helper()
		require.Eventually(t, func() bool { return are(runtime.NumGoroutine() - before) }, 10*time.Second, 10*time.Millisecond)
	}
	goroutines(func(more int) bool { return more < n/2 })

	hub.mu.Lock() // which all wait for
	for _, fd := range clients {
		_, err := syscall.Write(fd, subscribe)
		require.NoError(t, err)
	}
	goroutines(func(more int) bool { return more >= n })
	hub.mu.Unlock()
	hub.waitFor(2 * n)
	goroutines(func(more int) bool { // they end, though there always is something for one of them to do
		_, err := syscall.Write(clients[0], subscribe)
		require.NoError(t, err)
		return more < n/2
	})
}

// A connection that is parked, and whose client is gone without a word, ends.
func TestConn_parkedIsCut(t *testing.T) {
	const n = 10
	addr, tokens, subscribe, hub := pingingServer(t, n, 50*time.Millisecond)
	for _, token := range tokens {
		fd := join(t, addr, token, subscribe) // it answers no ping
		t.Cleanup(func() { syscall.Close(fd) })
	}
	require.Eventually(t, func() bool { return hub.left.Load() == n }, 10*time.Second, 10*time.Millisecond)
}

// idleServer serves WebSockets, with sessions for n people, to whom its hub delivers
// nothing. It returns the frame that subscribes to its one room, too.
func idleServer(tb testing.TB, n int) (addr *net.TCPAddr, tokens []string, subscribe []byte, hub *idleHub) {
	return pingingServer(tb, n, 0)
}

func pingingServer(tb testing.TB, n int, ping time.Duration) (addr *net.TCPAddr, tokens []string, subscribe []byte, hub *idleHub) {
	store, rooms := domaintest.NewMemoryStore(), newFakeRooms(domaintest.NewMemoryStore())
	owner := domain.User{ID: domain.UserID(domain.NewID()), Name: "Ada"}
	made, err := rooms.CreateRoom(tb.Context(), owner, "Room", domain.Public, "")
	require.NoError(tb, err)
	hub = &idleHub{}
	hub.subscribed.L = &hub.mu
	server, err := web.New(web.Config{
		Commands: rooms, Timeline: rooms, Views: store, Accounts: store, Hub: hub, Limits: true, Node: "n1", PingInterval: ping,
	})
	require.NoError(tb, err)
	listener := httptest.NewServer(server)
	tb.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = server.Drain(ctx)
		listener.Close()
	})
	tokens = make([]string, n)
	for i := range tokens {
		tokens[i] = domain.NewID()
		hash := sha256.Sum256([]byte(tokens[i]))
		require.NoError(tb, store.CreateSession(tb.Context(), domain.Session{
			ID: domain.NewID(), TokenHash: hex.EncodeToString(hash[:]),
			User:      domain.User{ID: domain.UserID(domain.NewID()), Name: "Somebody"},
			CreatedAt: domain.At(time.Now()), ExpiresAt: domain.At(time.Now().Add(time.Hour)),
		}))
	}
	subscribe = clientFrame(string(frames.Marshal(frames.Subscribe{ID: "1", Room: made.Event.Room})))
	return listener.Listener.Addr().(*net.TCPAddr), tokens, subscribe, hub
}

// idleHub lets everybody in and delivers nothing.
type idleHub struct {
	mu         sync.Mutex
	subscribed sync.Cond
	n          int
	left       atomic.Int32
}

type idleFeed struct{ hub *idleHub }

func (f idleFeed) Close()     { f.hub.left.Add(1) }
func (idleFeed) Head() uint64 { return 1 }

func (h *idleHub) Subscribe(_ context.Context, _ domain.UserID, _ domain.RoomID, _ domain.Cursor, sink domain.Sink) (domain.Subscription, error) {
	sink.Subscribed(1, "epoch")
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
	h.subscribed.Broadcast()
	return idleFeed{h}, nil
}

func (h *idleHub) waitFor(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.n < n {
		h.subscribed.Wait()
	}
}

// join opens a WebSocket, is welcomed, subscribes, and holds nothing but the descriptor that it returns.
func join(tb testing.TB, addr *net.TCPAddr, token string, subscribe []byte) (fd int) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	require.NoError(tb, err)
	require.NoError(tb, syscall.Connect(fd, &syscall.SockaddrInet4{Port: addr.Port, Addr: [4]byte(addr.IP.To4())}))
	_, err = syscall.Write(fd, []byte("GET /ws HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+token+"\r\n"+
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"))
	require.NoError(tb, err)
	in := bufio.NewReader(descriptor(fd)) // nothing follows the first frame yet
	res, err := http.ReadResponse(in, nil)
	require.NoError(tb, err)
	require.Equal(tb, http.StatusSwitchingProtocols, res.StatusCode)
	head := make([]byte, 2) // of a short frame
	_, err = io.ReadFull(in, head)
	require.NoError(tb, err)
	require.Less(tb, head[1], byte(126))
	_, err = in.Discard(int(head[1]))
	require.NoError(tb, err)
	_, err = syscall.Write(fd, subscribe)
	require.NoError(tb, err)
	return fd
}

// clientFrame is a masked text frame of less than 64 KiB; its mask is zero.
func clientFrame(text string) []byte {
	head := []byte{0x81, 0x80 | byte(len(text))}
	if len(text) > 125 {
		head = []byte{0x81, 0x80 | 126, byte(len(text) >> 8), byte(len(text))}
	}
	return append(append(head, 0, 0, 0, 0), text...)
}

type memory struct{ heap, stack, rss int64 }

func memoryNow() memory {
	for range 4 { // stacks shrink by a half each time
		runtime.GC()
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kb int64
	_, _ = fmt.Sscan(rest, &kb)
	return memory{int64(m.HeapAlloc), int64(m.StackInuse), kb << 10}
}
