// Package web is Confab as clients see it: REST, WebSocket, sessions, the page.
package web
