// wire-peer speaks the plain wire of PointSub (v0.0.2 to v1.1.7) for tests: a stock host of go-libp2p or go-dep2p and
// the real go-msgio, none of PointSub's own code. ../README.md is its contract.
package main

import (
	"fmt"
	"os"
)

var commands = map[string]func(arguments []string) error{
	"info":        info,
	"serve":       serve,
	"send":        send,
	"mux-send":    muxSend,
	"swarm":       swarm,
	"raw":         rawTransfer,
	"net-listen":  netListen,
	"net-dial":    netDial,
	"smts-listen": smtsListen,
	"smts-dial":   smtsDial,
	"vectors":     vectors,
}

func run(arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("a command is missing: info, serve, send, mux-send, swarm, raw, net-listen, net-dial, smts-listen, smts-dial or vectors")
	}
	command, known := commands[arguments[0]]
	if !known {
		return fmt.Errorf("unknown command %q", arguments[0])
	}
	return command(arguments[1:])
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		emit("fatal", fields{"error": err.Error()})
		os.Exit(1)
	}
}
