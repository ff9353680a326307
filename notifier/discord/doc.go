// Package discord is a sink that posts each detection to a webhook of Discord,
// as one embed.
//
//   - name: chat
//     type: discord
//     url_file: /run/secrets/discord-url
//
// The URL is a secret: who has it can post. What a traced process controls
// stands in code spans and code blocks only, where Discord obeys nothing but
// the back-tick, which is shown as ˋ; control, invisible and
// direction-changing characters are shown as escapes; and allowed_mentions is
// empty, so that nobody is called whatever the text says. The title is escaped
// with back-slashes. Texts are cut so that the embed stays below the 6000
// characters that Discord takes.
//
// The request asks Discord to wait until the message is stored, so success
// means that it is. 429 is honoured with its Retry-After.
// See https://discord.com/developers/docs/resources/webhook#execute-webhook.
package discord
