// Package boximage makes the image that tests run containers of: a static
// busybox and no more, for no image can be pulled where tests run.
package boximage
