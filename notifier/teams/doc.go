// Package teams is a sink that posts each detection to a webhook of Microsoft
// Teams (Workflows, "when a Teams webhook request is received"), as an
// Adaptive Card.
//
//   - name: soc
//     type: teams
//     url_file: /run/secrets/teams-url
//
// The URL is a secret: who has it can post. Every text stands in a TextRun of
// a RichTextBlock, which knows no Markdown, so links, mentions and markup in
// what a traced process controls are text. Control, invisible and
// direction-changing characters are shown as escapes. Texts are cut so that the
// message stays below the 28 KB that Teams takes.
//
// Workflows answer 202 before the card is shown: delivered means accepted.
// See https://learn.microsoft.com/connectors/teams/ and
// https://adaptivecards.io/explorer/RichTextBlock.html.
package teams
