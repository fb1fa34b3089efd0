package suite

import (
	"encoding/json"
	"slices"
	"strings"

	"gauntlet/redact"
)

// Redacted is the suite as it may be kept and shown: without the secrets in the texts of a command.
// It reads back as a suite that is checked alike.
func (s *Suite) Redacted() *Suite {
	if s.Target.Command == nil {
		return s
	}
	public, command := *s, *s.Target.Command
	for _, text := range []*string{
		&command.Start, &command.Ready, &command.Stop, &command.Observe, &command.DataDir,
	} {
		*text = withoutSecrets(*text)
	}
	command.Files = slices.Clone(command.Files)
	for i := range command.Files {
		command.Files[i].Template = withoutSecrets(command.Files[i].Template)
	}
	command.Client = withoutSecretArguments(command.Client)
	public.Target.Command = &command
	if s.Incident != nil {
		incident := *s.Incident
		incident.Expect = slices.Clone(incident.Expect)
		for i := range incident.Expect {
			if variant := incident.Expect[i].Suite; variant != nil {
				incident.Expect[i].Suite = variant.Redacted()
			}
		}
		public.Incident = &incident
	}
	return &public
}

// withoutSecrets redacts a text. What is left of a template need not be one any more: then nothing
// of it is kept.
func withoutSecrets(text string) string {
	public := redact.String(text)
	if public != text && strings.Contains(text, "{{") {
		return redact.Mark
	}
	return public
}

// withoutSecretArguments redacts a command line, where a secret may follow its option. What is left
// is as long as it was.
func withoutSecretArguments(words []string) []string {
	quoted := make([]string, len(words))
	for i, word := range words {
		text, err := json.Marshal(word)
		if err != nil {
			return []string{redact.Mark} // cannot be: every string is JSON
		}
		quoted[i] = string(text)
	}
	var public []string
	list := redact.String("[" + strings.Join(quoted, ", ") + "]")
	if err := json.Unmarshal([]byte(list), &public); err != nil || len(public) != len(words) {
		return slices.Repeat([]string{redact.Mark}, len(words))
	}
	return public
}
