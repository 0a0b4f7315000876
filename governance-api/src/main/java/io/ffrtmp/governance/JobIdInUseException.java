package io.ffrtmp.governance;

/** A job with this id exists, here or of another governor. Nothing was touched. */
public final class JobIdInUseException extends GovernanceException {
  private static final long serialVersionUID = 1L;

  /** With where the id is in use and what to do. */
  public JobIdInUseException(String message) {
    super(message);
  }
}
