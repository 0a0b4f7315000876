/** Processes: spawning, the gate, identity and niceness. Knows no cgroups and no watching. */
@NullMarked
package io.ffrtmp.governance.linux.process;

import org.jspecify.annotations.NullMarked;
