package domain_test

import (
	"testing"

	"confab/domain"
)

func TestSkimRecord_agreesWithDecodeRecord(t *testing.T) {
	for name, payload := range goldenFiles(t) {
		want, err := domain.DecodeRecord(payload)
		if err != nil {
			t.Fatal(err)
		}
		got, err := domain.SkimRecord(want.Room, payload)
		if err != nil || got.Seq != want.Seq || got.Room != want.Room {
			t.Errorf("%s: got %v %d, %v", name, got.Room, got.Seq, err)
		}
	}
	for _, bad := range []string{"", "{", `{"room":"R"}`, `{"room":"R","seq":0,"kind":"x"}`, `{"room":"R","seq":x,`, `{"room":"R","seq":1`, `{"room":"S","seq":1,`} {
		if rec, err := domain.SkimRecord("R", []byte(bad)); err == nil {
			t.Errorf("%s: got %v", bad, rec)
		}
	}
}

func FuzzSkimRecord(f *testing.F) {
	for _, payload := range goldenFiles(f) {
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		_, _ = domain.SkimRecord(roomID, payload) // refuses, and does not panic
		want, err := domain.DecodeRecord(payload)
		if err != nil {
			return
		}
		if got, err := domain.SkimRecord(want.Room, payload); err != nil || got.Seq != want.Seq {
			t.Errorf("%s: got seq %d, %v", payload, got.Seq, err)
		}
	})
}
