package target

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kevinburke/ssh_config"
	"gopkg.in/yaml.v3"
)

// aliases is what a file in the format of ssh_config(5) says. A nil one says nothing.
type aliases struct {
	path   string
	config *ssh_config.Config
}

// aliasKeys are the keywords we follow. Those of unsupported ones change how a host is reached:
// following the rest without them would reach another.
var (
	aliasKeys = []string{
		"HostName", "User", "Port", "IdentityFile", "UserKnownHostsFile", "ProxyJump",
	}
	unsupported = []string{"ProxyCommand", "HostKeyAlias"}
)

// sshConfig reads the file that the inventory names.
func (inv *inventory) sshConfig(node *yaml.Node) *aliases {
	if node == nil {
		return nil
	}
	if node.Kind != yaml.ScalarNode || node.Tag == "!!null" || node.Value == "" {
		inv.wrong(node.Line, "ssh-config is not a text")
		return nil
	}
	path := local(node.Value, inv.path)
	text, err := os.ReadFile(path)
	if err != nil {
		inv.wrong(node.Line, "ssh-config: %v", err)
		return nil
	}
	config, err := decodeConfig(text)
	if err != nil {
		inv.wrong(node.Line, "ssh-config %s: %v", path, err)
		return nil
	}
	return &aliases{path, config}
}

// decodeConfig is ssh_config.Decode, which panics on some texts.
func decodeConfig(text []byte) (config *ssh_config.Config, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("cannot be read: %v", problem)
		}
	}()
	return ssh_config.Decode(bytes.NewReader(text))
}

// of is what the file says of a host, by our keys.
func (a *aliases) of(e *entry, host string) map[string]string {
	if a == nil {
		return nil
	}
	found := map[string]string{}
	line := e.lineOf("ssh")
	get := func(keyword string) string {
		value, err := a.config.Get(host, keyword)
		if err != nil {
			e.wrong(line, "%s of %q in %s: %v", keyword, host, a.path, err)
		}
		return strings.Trim(value, `"`)
	}
	for _, keyword := range aliasKeys {
		if value := get(keyword); value != "" {
			found[synonyms[strings.ToLower(keyword)]] = value
		}
	}
	for _, keyword := range unsupported {
		if value := get(keyword); value != "" && !strings.EqualFold(value, "none") {
			e.wrong(line, "%s says %s of %q, which is not supported here: use ProxyJump and "+
				"known_hosts lines for the host's own name", a.path, keyword, host)
		}
	}
	if files := strings.Fields(found["known-hosts"]); len(files) > 1 {
		found["known-hosts"] = files[0] // ssh writes to the first one, too
	}
	for _, key := range []string{"ssh", "key", "known-hosts"} {
		value, err := expand(found[key], host, found)
		if err != nil {
			e.wrong(line, "%s of %q in %s: %v", key, host, a.path, err)
		}
		if value != "" {
			found[key] = value
		}
	}
	return found
}

// knows reports whether the file names a host in other words than by patterns for many.
func (a *aliases) knows(host string) bool {
	if a == nil {
		return false
	}
	for _, block := range a.config.Hosts {
		for _, pattern := range block.Patterns {
			if pattern.String() == host {
				return true
			}
		}
	}
	return slices.ContainsFunc(aliasKeys[:1], func(keyword string) bool {
		value, err := a.config.Get(host, keyword)
		return err == nil && value != ""
	})
}

// expand replaces the tokens of ssh_config(5) that mean something before there is a connection.
func expand(value, host string, found map[string]string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] != '%' {
			out.WriteByte(value[i])
			continue
		}
		i++
		token := value[i:min(i+1, len(value))]
		switch token {
		case "%":
			out.WriteByte('%')
		case "h":
			name := host
			if found["ssh"] != "" && !strings.Contains(found["ssh"], "%") {
				name = found["ssh"]
			}
			out.WriteString(name)
		case "n":
			out.WriteString(host)
		case "d":
			home, err := os.UserHomeDir()
			if err != nil {
				return "", err
			}
			out.WriteString(home)
		case "u":
			out.WriteString(currentUser())
		default:
			return "", fmt.Errorf("%q: the token %%%s is not supported here", value, token)
		}
	}
	return out.String(), nil
}
