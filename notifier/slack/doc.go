// Package slack is a sink that posts each detection to Slack, laid out with
// Block Kit: to an incoming webhook, or as a bot.
//
//   - name: oncall
//     type: slack
//     url_file: /run/secrets/slack-url
//   - name: soc
//     type: slack
//     token_file: /run/secrets/slack-token
//     channel: C0123456789
//
// URL and token are secrets: who has them can post. A bot, which needs the scope
// chat:write, puts what repeats (the same rule on the same host in the same
// container) into the thread of the first one, which then says how many there
// are by now. Which threads there are is known for the life of the process.
//
// A message has a headline, the
// rule's output, what is known of process and container, and the time.
//
// # Escaping
//
// What a traced process controls stands in code spans and code blocks only,
// with &, < and > as entities, so that no mention, link or markup in it is
// obeyed, and with the back-tick, which would end the span, as ˋ. Control,
// invisible and direction-changing characters are shown as escapes. Automatic
// links, names and previews are off (verbatim, unfurl_links). Texts are cut to
// Slack's limits: 150 characters in a header, 3000 in a section, 2000 in a
// field.
//
// # Answers
//
// 429 is honoured with its Retry-After, 5xx is tried again; 400
// (invalid_payload), 403 (action_prohibited), 404 (no_service) and 410
// (channel_is_archived) are final.
// To a bot Slack says in the body of a 200 what is wrong; errors of its own and
// rate limits are tried again, the others are final.
// See https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.
package slack
