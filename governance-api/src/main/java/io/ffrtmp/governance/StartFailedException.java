package io.ffrtmp.governance;

/** A workload never started. Nothing of it is left; listeners were told. */
public final class StartFailedException extends GovernanceException {
  private static final long serialVersionUID = 1L;

  private final transient JobResult result;

  /** With the frozen result, whose ending is {@link Ending.NeverStarted}. */
  public StartFailedException(String message, JobResult result) {
    super(message);
    this.result = result;
  }

  /** The frozen result, whose ending is {@link Ending.NeverStarted}. Not serialised. */
  public JobResult result() {
    return result;
  }
}
