package io.ffrtmp.governance.linux.cgroup;

/** A group with this job's id exists, and is not a leftover. It was not touched. */
public final class IdInUseException extends Exception {
  private static final long serialVersionUID = 1L;

  private final String message;

  IdInUseException(String id, String directory, String why) {
    message = "job id '" + id + "' is in use at " + directory + ", " + why + "; use another id";
  }

  @Override
  public String getMessage() {
    return message;
  }
}
