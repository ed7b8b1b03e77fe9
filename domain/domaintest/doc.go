// Package domaintest holds what every implementation of a port of domain is tested
// with: conformance suites (TestStore), fakes with faults as switches (MemoryStore),
// and the servers that the tests of several packages need.
package domaintest
