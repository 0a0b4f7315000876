/** The {@code ffrtmp} command line: one class for each command, and what they share. */
@NullMarked
package io.ffrtmp.governance.examples;

import org.jspecify.annotations.NullMarked;
