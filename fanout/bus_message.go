package fanout

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
)

// A message on the wire is three parts, of which the first two end with a line feed:
//
//	<uuid>\n<metadata>\n<payload>
//
// The metadata is empty or a JSON object on one line. The append script publishes
// with an empty one, so that it need not encode anything.

func marshalMessage(m *message.Message) ([]byte, error) {
	if strings.Contains(m.UUID, "\n") {
		return nil, errors.New("a message's UUID is one line")
	}
	b := append(make([]byte, 0, len(m.UUID)+len(m.Payload)+2), m.UUID...)
	b = append(b, '\n')
	if len(m.Metadata) > 0 {
		md, err := json.Marshal(m.Metadata)
		if err != nil {
			return nil, fmt.Errorf("encode metadata: %w", err)
		}
		b = append(b, md...)
	}
	b = append(b, '\n')
	return append(b, m.Payload...), nil
}

func splitMessage(s string) (uuid, metadata, payload string, err error) {
	uuid, rest, ok := strings.Cut(s, "\n")
	metadata, payload, ok2 := strings.Cut(rest, "\n")
	if !ok || !ok2 {
		return "", "", "", errors.New("decode message: less than three parts")
	}
	return uuid, metadata, payload, nil
}

func unmarshalMessage(s string) (*message.Message, error) {
	uuid, metadata, payload, err := splitMessage(s)
	if err != nil {
		return nil, err
	}
	m := message.NewMessage(uuid, message.Payload(payload))
	if metadata == "" {
		return m, nil
	}
	if err := json.Unmarshal([]byte(metadata), &m.Metadata); err != nil {
		return nil, fmt.Errorf("decode metadata: %w", err)
	}
	if m.Metadata == nil { // "null"
		m.Metadata = message.Metadata{}
	}
	return m, nil
}

const gapKey = "confab_gap"

func gapMessage() *message.Message {
	m := message.NewMessage("", nil)
	m.Metadata.Set(gapKey, "true")
	return m
}

// IsGap reports whether a message of the Bus stands for messages that may have been
// missed at this place. It has no payload and is acked like any other.
func IsGap(m *message.Message) bool { return m.Metadata.Get(gapKey) != "" }
