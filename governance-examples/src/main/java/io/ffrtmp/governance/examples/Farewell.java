package io.ffrtmp.governance.examples;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * What the JVM's shutdown waits for: first that the jobs are let go of, then that all of it was
 * told, which is when this is closed.
 */
final class Farewell implements AutoCloseable {
  private static final long SECONDS_TO_TELL = 10;

  private final CountDownLatch told = new CountDownLatch(1);
  private volatile boolean begun;

  /** Has jobs let go of when a signal, or {@code System.exit}, ends the JVM. */
  Farewell(Runnable letGo) {
    Runnable all =
        () -> {
          begun = true;
          letGo.run();
          await();
        };
    Runtime.getRuntime().addShutdownHook(new Thread(all, "ffrtmp-detach"));
  }

  /** Whether the JVM ends, with a status that is decided. */
  boolean begun() {
    return begun;
  }

  private void await() {
    try {
      told.await(SECONDS_TO_TELL, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // nobody does; the JVM ends now in any case
    }
  }

  @Override
  public void close() {
    told.countDown();
  }
}
