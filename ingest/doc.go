// Package ingest takes commands and appends the events that they cause.
//
// Service decides with package domain on a cached state of the room and hands the
// event to Publisher, whose Publish is one atomic script in Redis (append.lua). The
// script refuses what was decided on a state that is no longer true, so the cache
// needs no invalidation to be safe. Whatever Redis forgot, repair puts back before
// anything is appended (restore.lua). DESIGN.md has the whole story.
package ingest
