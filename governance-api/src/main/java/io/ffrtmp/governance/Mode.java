package io.ffrtmp.governance;

/** How a job came under observation. */
public enum Mode {
  /** Started here. */
  RUN,
  /** Found running, and observed. */
  ATTACH;

  /** The name in JSON and meters: {@code run} or {@code attach}. */
  public String wireName() {
    return WireValue.name(this);
  }
}
