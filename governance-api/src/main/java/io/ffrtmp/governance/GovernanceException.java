package io.ffrtmp.governance;

/** Governance could not do what it was asked. The message tells what was wrong and what to do. */
public class GovernanceException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** With what was wrong and what to do. */
  public GovernanceException(String message) {
    super(message);
  }

  /** With what was wrong and what to do, and what it came from. */
  public GovernanceException(String message, Throwable cause) {
    super(message, cause);
  }
}
