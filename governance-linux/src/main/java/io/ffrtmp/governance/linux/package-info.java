/** Governance on Linux: {@link io.ffrtmp.governance.linux.LinuxGovernor} is the way in. */
@NullMarked
package io.ffrtmp.governance.linux;

import org.jspecify.annotations.NullMarked;
