package io.ffrtmp.governance;

/** No governor can be opened on this host; the report names the reason and its cure. */
public final class HostUnsupportedException extends GovernanceException {
  private static final long serialVersionUID = 1L;

  private final transient HostReport report;

  /** With the report that has the blocking capability. */
  public HostUnsupportedException(String message, HostReport report) {
    super(message);
    this.report = report;
  }

  /** What was found. Not serialised. */
  public HostReport report() {
    return report;
  }
}
