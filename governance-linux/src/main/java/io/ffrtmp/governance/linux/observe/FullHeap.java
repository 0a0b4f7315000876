package io.ffrtmp.governance.linux.observe;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * What must not be lost though the heap is full just now: the kernel tells of an end only once, and
 * the application may give memory back. Nothing notifies of that, so here alone we look again.
 */
public final class FullHeap {
  private static final int ATTEMPTS = 300;
  private static final long PAUSE = TimeUnit.MILLISECONDS.toNanos(100);

  static {
    LockSupport.parkNanos(1); // loads what could not be loaded then
  }

  private FullHeap() {}

  /**
   * Does what has done nothing yet when it fails for want of memory; again for half a minute if
   * need be. Allocates nothing itself.
   */
  public static void outlast(Runnable action) {
    for (int attempt = 1; ; attempt++) {
      try {
        action.run();
        return;
      } catch (OutOfMemoryError full) {
        if (attempt == ATTEMPTS) {
          throw full;
        }
        LockSupport.parkNanos(PAUSE);
      }
    }
  }
}
