/**
 * Control groups: hierarchies, a job's group, limits, counters and marks. Knows no processes'
 * lives.
 */
@NullMarked
package io.ffrtmp.governance.linux.cgroup;

import org.jspecify.annotations.NullMarked;
