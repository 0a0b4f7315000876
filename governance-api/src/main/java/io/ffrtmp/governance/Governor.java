package io.ffrtmp.governance;

import java.util.List;

/**
 * Starts workloads inside limits, adopts those that already run, and watches them to their end.
 *
 * <p>A governor never owns a workload: when the JVM dies, or {@link #close()} is called, every
 * workload goes on inside its limits. Nothing is ever killed, signalled or retried unless the
 * caller says so on a {@link StartedJob}.
 *
 * <p>Thread-safe. Interrupting a waiting thread ends that wait only, never the job.
 *
 * <p>Not for users to implement: methods may be added.
 *
 * @see StartFailedException
 * @see JobIdInUseException
 */
public interface Governor extends AutoCloseable {

  /**
   * Starts a workload and waits for its end: {@link #start} and then {@link Job#await()}.
   *
   * @return the frozen result, also when the workload failed or a limit could not be applied
   * @throws StartFailedException if the workload never started; it carries the result
   * @throws JobIdInUseException if a job with this id exists; nothing was touched
   * @throws IllegalStateException if this governor is closed
   * @throws InterruptedException if this thread is interrupted while it waits; the job stays
   *     watched and is found in {@link #jobs()}
   */
  JobResult run(Workload workload) throws InterruptedException;

  /**
   * Starts a workload in a session of its own and returns once it executes inside its limits. On
   * return, each limit was written and read back, or the receipt says why not.
   *
   * @throws StartFailedException if the workload never started; it carries the result
   * @throws JobIdInUseException if a job with this id exists; nothing was touched
   * @throws IllegalStateException if this governor is closed
   */
  StartedJob start(Workload workload);

  /**
   * Adopts a process that already runs, and its descendants: puts them into a group inside the one
   * in which they live, beneath all limits that hold them already, and watches the process to its
   * end. It is never signalled, stopped or traced. What can't be moved lawfully is only observed:
   * the receipt says why, and what would cure it.
   *
   * @throws AttachRefusedException if that is no process to attach to, or a required limit can't be
   *     had; everything is as it was
   * @throws JobIdInUseException if a job with this id exists; nothing was touched
   * @throws IllegalStateException if this governor is closed
   */
  AttachedJob attach(Attachment attachment);

  /**
   * Takes over what governors left that are gone: jobs that go on are watched again, each as a new
   * observation; for those that ended while nobody watched there is a result; empty groups are
   * removed. A job whose owner lives is not taken, and of two recoveries at once only one gets it.
   * Nothing is signalled, nor moved. May be called at any time, and again.
   *
   * @throws IllegalStateException if this governor is closed
   */
  Recovery recover();

  /** The jobs that are watched now, in no particular order. A copy. */
  List<Job> jobs();

  /** What this host can do, as found when this was first asked. */
  HostReport host();

  /**
   * Stops watching every job, as {@link Job#detach()} does for one: their results are frozen as
   * {@link Ending.Detached}, the workloads go on inside their limits. Waits for a start that is
   * half done, and for the listeners that are told of it. Idempotent and not interruptible.
   *
   * @throws IllegalStateException if a listener that is told of a start calls it
   */
  @Override
  void close();
}
