package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"confab/domain"
)

// RebuildConfig configures Rebuild.
type RebuildConfig struct {
	Redis      redis.UniversalClient // nil: no projector can run, as when nobody else may open the store
	Store      domain.Projection
	Partitions int
	LeaseTTL   time.Duration // as the projectors have it; default 4 s
}

// Rebuild makes the views again from the archive. It takes all partitions away from
// the projectors, which wait meanwhile while Redis keeps the log, and go on after it.
func Rebuild(ctx context.Context, cfg RebuildConfig) error {
	setDefault(&cfg.LeaseTTL, 4*time.Second)
	held, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	if cfg.Redis != nil {
		release, err := seizeAll(held, cfg, lost)
		defer release()
		if err != nil {
			return err
		}
	}
	if err := cfg.Store.Rebuild(held); err != nil {
		if cause := context.Cause(held); cause != nil {
			err = errors.Join(err, cause)
		}
		return fmt.Errorf("rebuild the views: %w", err)
	}
	return context.Cause(held)
}

// seizeAll takes and then holds the leases of all partitions. It calls lost when one
// is lost. release waits for the holding to end, and is to be called in any case.
func seizeAll(ctx context.Context, cfg RebuildConfig, lost context.CancelCauseFunc) (release func(), err error) {
	var holders, seizing errgroup.Group
	leases := make([]*lease, cfg.Partitions)
	for i := range leases {
		l := newLease(cfg.Redis, domain.Partition(i), cfg.LeaseTTL)
		leases[i] = l
		seizing.Go(func() error {
			if err := l.seize(ctx); err != nil {
				return err
			}
			holders.Go(func() error {
				l.hold(ctx, func(error) {})
				lost(errLeaseLost)
				return nil
			})
			return nil
		})
	}
	err = seizing.Wait()
	return func() {
		lost(nil)
		_ = holders.Wait()
		for _, l := range leases {
			l.release(ctx)
		}
	}, err
}
