package main

import (
	"encoding/json"
	"os"
	"sync"
)

// fields is one line of output: a JSON object, whose "event" says what happened.
type fields map[string]any

var output = struct {
	sync.Mutex
	encoder *json.Encoder
}{encoder: lineEncoder()}

func lineEncoder() *json.Encoder {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	return encoder
}

// emit prints one event as one line. Goroutines may call it at the same time.
func emit(event string, line fields) {
	if line == nil {
		line = fields{}
	}
	line["event"] = event
	output.Lock()
	defer output.Unlock()
	if output.encoder.Encode(line) != nil {
		os.Exit(1) // nobody reads us any more
	}
}
