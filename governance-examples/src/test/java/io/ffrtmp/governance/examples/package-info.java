/** The command line, tested as its users have it: through its launcher, as a process. */
@NullMarked
package io.ffrtmp.governance.examples;

import org.jspecify.annotations.NullMarked;
