package io.ffrtmp.governance.examples.bench;

import java.io.PrintStream;
import java.util.Locale;
import java.util.Map;

/** Prints figures, and holds them against their targets. ASCII, for every locale. */
final class Table {
  private final PrintStream out;
  private final double gate;
  private boolean passed = true;

  Table(PrintStream out, double gate) {
    this.out = out;
    this.gate = gate;
  }

  /** Whether no figure is worse than the gate allows. */
  boolean passed() {
    return passed;
  }

  void say(String format, Object... values) {
    out.println(String.format(Locale.ROOT, format, values));
    out.flush();
  }

  /** A heading, and what the columns of {@link #times} are. */
  void heading(String title, String reference) {
    say("  %-52s %9s %9s %9s  p50, min x %s", title, "min ms", "p50 ms", "p99 ms", reference);
  }

  /**
   * Each contestant's times, and how many times the reference's p50 its own is, and the same of the
   * least: on a busy machine that tells of the work, and the p50 of the wait for a core as well.
   */
  void times(Map<String, Samples> samples, String reference) {
    Samples floor = samples.get(reference);
    samples.forEach(
        (name, each) ->
            say(
                "  %-52s %9.3f %9.3f %9.3f  %.2f, %.2f",
                name,
                each.min() / 1e6,
                each.p50() / 1e6,
                each.p99() / 1e6,
                each.p50() / floor.p50(),
                each.min() / floor.min()));
  }

  void atMost(String what, double reached, double target) {
    check(what, "<=", reached, target, reached <= target, reached <= target * gate);
  }

  void atLeast(String what, double reached, double target) {
    check(what, ">=", reached, target, reached >= target, reached >= target / gate);
  }

  private void check(
      String what, String sign, double reached, double target, boolean met, boolean tolerable) {
    boolean stopped = gate > 0 && !tolerable;
    passed &= !stopped;
    say(
        "    %-58s %8.2f   target %s %.2f  %s",
        what, reached, sign, target, stopped ? "GATE" : met ? "met" : "missed");
  }
}
