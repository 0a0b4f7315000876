package io.ffrtmp.governance.linux.observe;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * What must not be lost though the heap is full just now: the kernel tells of an end only once, and
 * the application may give memory back. Nothing notifies of that, so here alone we look again.
 */
public final class FullHeap {
  private static final long PAUSE = TimeUnit.MILLISECONDS.toNanos(100);

  static {
    LockSupport.parkNanos(1); // loads what could not be loaded then
  }

  private FullHeap() {}

  /**
   * Does what can be repeated when it fails for want of memory, until there is some. Allocates
   * nothing itself.
   */
  public static void outlast(Runnable action) {
    boolean interrupted = false;
    for (boolean done = false; !done; ) {
      try {
        action.run();
        done = true;
      } catch (VirtualMachineError e) {
        if (!isFull(e)) {
          throw e;
        }
        interrupted |= Thread.interrupted(); // or it would not pause
        LockSupport.parkNanos(PAUSE);
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Also where the JDK tells it as an InternalError, as when it links a lambda for the first time.
   */
  static boolean isFull(VirtualMachineError e) {
    return e instanceof OutOfMemoryError || e.getCause() instanceof OutOfMemoryError;
  }
}
