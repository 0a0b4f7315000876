package io.ffrtmp.governance;

import java.util.List;
import java.util.Optional;

/**
 * A signal by its number, with a name where it has one that is the same on every Linux that Java
 * runs on (signal(7)).
 *
 * @param number 1 to 64
 */
public record Signal(int number) {
  /** Hang-up, 1. */
  public static final Signal HUP = new Signal(1);

  /** Interrupt from the keyboard, 2. */
  public static final Signal INT = new Signal(2);

  /** Quit from the keyboard, 3. */
  public static final Signal QUIT = new Signal(3);

  /** Kill, 9. */
  public static final Signal KILL = new Signal(9);

  /** The first user's signal, 10. */
  public static final Signal USR1 = new Signal(10);

  /** The second user's signal, 12. */
  public static final Signal USR2 = new Signal(12);

  /** Termination, 15. */
  public static final Signal TERM = new Signal(15);

  /** Continue, 18. */
  public static final Signal CONT = new Signal(18);

  /** Stop, 19. */
  public static final Signal STOP = new Signal(19);

  private static final List<String> NAMES =
      List.of(
          ("HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT"
                  + " STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS")
              .split(" "));

  /**
   * Checks the range.
   *
   * @throws IllegalArgumentException if the number is not within 1 and 64
   */
  public Signal {
    Checks.between("signal number", number, 1, 64);
  }

  /** The name, such as {@code SIGTERM}; real-time signals have none. */
  public Optional<String> name() {
    return number <= NAMES.size() ? Optional.of("SIG" + NAMES.get(number - 1)) : Optional.empty();
  }
}
