package projector

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"

	"confab/domain"
)

func FuzzPosition(f *testing.F) {
	f.Add([]byte(`{"room":"aaaaaaaaaaaaaaaaaaaa","seq":7,"kind":`))
	f.Add([]byte(`{"room":"aaaaaaaaaaaaaaaaaaaa","seq":-7,`))
	f.Add([]byte(`{"room":"*","seq":7,`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		room, seq, ok := position(payload)
		if !ok {
			return
		}
		if seq == 0 || seq >= 1<<53 || !domain.ValidID(string(room)) {
			t.Fatalf("accepted %q:%d", room, seq)
		}
		if !bytes.HasPrefix(payload, []byte(`{"room":"`+string(room)+`","seq":`)) {
			t.Fatalf("position of %q is %q:%s", payload, room, strconv.FormatUint(seq, 10))
		}
	})
}

func FuzzEntry(f *testing.F) {
	f.Add("_watermill_message_uuid", "u", "metadata", "\x81\xa1a\xa1b", "payload")
	f.Add("_watermill_message_uuid", "u", "metadata", "", "payload")
	f.Add("_watermill_message_uuid", "u", "metadata", "", "")
	f.Add("_watermill_message_uuid", "", "a", "b", "payload")
	f.Add("a", "1", "b", "2", "")
	f.Add("a", "1", "b", "2", "payload")
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2, payload string) {
		values := map[string]any{n1: v1, n2: v2, "payload": payload}
		msg := messageOf(redis.XMessage{ID: "1-1", Values: values})
		if stock, err := unmarshal(values); err == nil {
			if !msg.Equals(stock) {
				t.Fatalf("%v is not %v", msg, stock)
			}
			return
		}
		if msg.Metadata.Get(Malformed) == "" {
			t.Fatal("not malformed")
		}
		fields, err := Fields(msg.Payload)
		if err != nil || len(fields) != len(values) {
			t.Fatalf("fields: %v, %v", fields, err)
		}
		for _, field := range fields {
			if values[string(field.Name)] != string(field.Value) {
				t.Fatalf("field %q came back as %q", field.Name, field.Value)
			}
		}
	})
}
