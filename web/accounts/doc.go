// Package accounts is who people are to Confab: names that cannot be mistaken for
// each other, passwords, guests, and sessions. It keeps them in a domain.Accounts and
// knows nothing of HTTP.
package accounts
