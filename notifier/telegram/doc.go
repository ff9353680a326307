// Package telegram is a sink that sends each detection to a chat by a bot of
// Telegram (sendMessage).
//
//   - name: phone
//     type: telegram
//     token_file: /run/secrets/telegram-token
//     chat_id: "-1001234567890"
//
// The message is Telegram's HTML, of which only b, pre and code are used. What
// a traced process controls stands within pre and code, where names and links
// are not looked for, with &, < and > as entities; control, invisible and
// direction-changing characters are shown as escapes. Previews are off. Texts
// are cut so that the message stays below the 4096 characters that Telegram
// takes.
//
// The token is a secret, and is part of the URL: errors show neither. 429 is
// honoured with its Retry-After or the retry_after in its body.
// See https://core.telegram.org/bots/api#sendmessage.
package telegram
