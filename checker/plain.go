package checker

import "gauntlet/history"

// plain is what a model does that has nothing better to offer: it keeps what it is given, and has
// no words of its own. Models embed it.
type plain struct{}

func (plain) engines() []engine                                    { return nil }
func (plain) judgeable([]effect) error                             { return nil }
func (plain) relevant(effects []effect) []effect                   { return effects }
func (plain) prepare(effects []effect) []effect                    { return effects }
func (plain) without(window []effect, _ []bool) []effect           { return window }
func (plain) obvious([]history.Operation, []effect) *Violation     { return nil }
func (plain) explain(_ []history.Operation, _ []effect) *Violation { return nil }
