package io.ffrtmp.governance;

/**
 * A job that ran before we came. It has no way to signal or stop the workload: that is a property
 * of the type. Thread-safe.
 *
 * <p>{@link #detach()} stops watching and leaves the limits in force; {@link #release()} undoes.
 */
public non-sealed interface AttachedJob extends Job {

  /**
   * Undoes the attachment: every process of the job goes back to the cgroup from which it came, in
   * every hierarchy, our limits and directories are gone, and watching stops. Where the old cgroup
   * is gone, processes go to its nearest ancestor that is left; {@link Moved#notMoved()} of the
   * result's receipt says so, and who could not be put back. A job that is watched no longer is
   * left as it is.
   *
   * @return the frozen result: {@link Ending.Detached}, or the real ending if it came first; its
   *     limits are those read back just before
   */
  JobResult release();
}
