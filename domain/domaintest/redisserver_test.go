package domaintest

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"
)

func TestRedis_restartKeepsData(t *testing.T) {
	r := StartRedis(t)
	if got := ask(t, r, "SET greeting hello"); got != "+OK\r\n" {
		t.Fatalf("SET: %q", got)
	}
	r.Kill()
	if c, err := net.Dial("tcp", r.Addr); err == nil {
		c.Close()
		t.Fatal("a killed server answers")
	}
	r.Restart()
	if got := ask(t, r, "STRLEN greeting"); got != ":5\r\n" {
		t.Fatalf("STRLEN after the restart: %q", got)
	}
}

func TestRedis_argumentsOverride(t *testing.T) {
	r := StartRedis(t, "--appendonly", "no")
	ask(t, r, "SET greeting hello")
	r.Restart()
	if got := ask(t, r, "STRLEN greeting"); got != ":0\r\n" {
		t.Fatalf("STRLEN after the restart: %q", got)
	}
}

func ask(t *testing.T, r *Redis, command string) string {
	t.Helper()
	c, err := net.DialTimeout("tcp", r.Addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "%s\r\n", command)
	answer, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
