/**
 * Run, adopt and account for operating-system workloads on Linux without ever owning them.
 *
 * <p>The golden rules, which decide every doubt:
 *
 * <ol>
 *   <li>If the JVM dies, by any cause, the workload continues, and keeps its limits.
 *   <li>If we are unsure, we do less.
 *   <li>What is not reversible is not touched.
 *   <li>This is governance, not execution: no policy, no retries, no presets, no "smart" defaults.
 *   <li>The truth is written once. A {@link io.ffrtmp.governance.JobResult} is frozen at the end of
 *       an observation; everything else is derived from it, and nothing is derived back into
 *       behaviour.
 *   <li>Nothing is claimed that was not verified. A limit counts as applied only after it was read
 *       back from the kernel.
 * </ol>
 *
 * <p>Values are immutable and safe to share between threads. What is absent is an {@code Optional};
 * there are no sentinel values. Sizes are bytes, times are {@link java.time.Duration} and {@link
 * java.time.Instant}.
 */
@NullMarked
package io.ffrtmp.governance;

import org.jspecify.annotations.NullMarked;
