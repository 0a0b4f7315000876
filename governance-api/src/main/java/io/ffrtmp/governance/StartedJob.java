package io.ffrtmp.governance;

import java.util.List;

/** A job that was started here, and so may be signalled on its caller's word. Thread-safe. */
public non-sealed interface StartedJob extends Job {

  /**
   * Sends a signal to the workload's leader, through its pidfd, so that no other process can be hit
   * (pidfd_send_signal(2)).
   *
   * @return false if the leader has ended already, or the job is no longer watched; nothing was
   *     sent
   * @throws GovernanceException if the kernel refuses, with the errno by name
   */
  boolean signal(Signal signal);

  /**
   * Sends SIGKILL to every process of the job's group, and to the leader wherever it is. Returns
   * without waiting for their end.
   *
   * @return the process ids that were still alive after the last of at most eight rounds; empty
   *     when the kernel killed the whole group at once, and when the job is no longer watched
   * @throws GovernanceException if the kernel refuses, with the errno by name
   */
  List<Long> kill();

  /**
   * Which of the descriptors 1 and 2 the workload inherited as a pipe or socket. Writing to those
   * fails, or kills it by SIGPIPE, once the reader is gone: such a workload may not outlive us.
   */
  List<Integer> inheritedPipes();
}
