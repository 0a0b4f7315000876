package io.ffrtmp.governance.linux;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Daemon threads of one name, which end when idle. Where none can be had (RLIMIT_NPROC, pids.max),
 * the one that asks does the task.
 */
final class Threads implements Executor {
  private static final Logger LOG = LoggerFactory.getLogger(Threads.class);

  private final ThreadPoolExecutor pool;

  private Threads(String name, int core, int most, BlockingQueue<Runnable> queue) {
    AtomicInteger count = new AtomicInteger();
    pool =
        new ThreadPoolExecutor(
            core,
            most,
            30,
            TimeUnit.SECONDS,
            queue,
            task -> {
              Thread thread = new Thread(task, name + count.incrementAndGet());
              thread.setDaemon(true);
              return thread;
            });
    pool.allowCoreThreadTimeOut(true);
  }

  /** So many; what comes while all are busy waits. */
  static Threads atMost(int most, String name) {
    return new Threads(name, most, most, new LinkedBlockingQueue<>());
  }

  /** One more whenever all are busy. */
  static Threads asManyAsBlock(String name) {
    return new Threads(name, 0, Integer.MAX_VALUE, new SynchronousQueue<>());
  }

  @Override
  public void execute(Runnable task) {
    try {
      pool.execute(task);
    } catch (OutOfMemoryError noThreadToBeHad) {
      LOG.debug("no thread can be had", noThreadToBeHad);
      task.run();
    }
  }
}
