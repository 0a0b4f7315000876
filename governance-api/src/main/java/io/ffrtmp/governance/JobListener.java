package io.ffrtmp.governance;

/**
 * Is told of every observation: facts, never a live job. For each observation either {@link
 * #startFailed} alone, or {@link #started} and later {@link #finished}, each once. What is refused
 * (a wrong argument, an id in use, an attachment) is no observation and is not told.
 *
 * <p>Called on the thread that starts or concludes the job, before its future completes; calls for
 * different jobs may overlap. A listener that throws is counted and harms nobody; one that blocks
 * delays results and {@link Governor#close()}, never a workload. It must not wait for jobs, nor
 * close the governor: it holds a thread that concludes them, or a start that is half done.
 */
public interface JobListener {
  /**
   * An observation begins: of a workload that was started or attached to, of one that was
   * recovered, and of one that is recovered only to tell that it ended while nobody watched.
   */
  default void started(JobStart start) {}

  /** An observation has ended: with the workload, or because we stopped watching. */
  default void finished(JobResult result) {}

  /** A workload never started. */
  default void startFailed(JobResult result) {}
}
