package io.ffrtmp.governance.linux;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;

/**
 * An instant within a start, known by what is done to the cgroup files before or after it. {@code
 * ID} stands for the job's directory.
 */
enum Seam {
  /** The first directory is there, and bears no mark yet. */
  UNMARKED("before mark .*ID .*", 1),
  GROUP("before write .*ID/.*", 1),
  BETWEEN_LIMITS("before write .*ID/memory\\..*", 1),
  LIMITS("after read .*ID/memory\\.(max|limit_in_bytes)", 1),
  GATE("before write .*ID/cgroup\\.procs .*", 1),
  HALF_PLACED("before write .*ID/cgroup\\.procs .*", 2),
  PLACED("before mark .*ID .*leader=.*", 1),
  /** The workload executes, and is not watched yet; known by the listener, not by the files. */
  GATE_OPEN("never", 1),
  /** {@code start()} has returned. */
  REGISTERED("never", 1);

  private final String event;
  private final int occurrence;

  Seam(String event, int occurrence) {
    this.event = event;
    this.occurrence = occurrence;
  }

  /**
   * The kernel's cgroup files, where this is run once at this seam, on the thread that got there.
   */
  CgroupFiles files(String jobId, Runnable reached) {
    return files(event, occurrence, jobId, reached);
  }

  /** The same at the so-manieth of these events. */
  static CgroupFiles files(String event, int occurrence, String jobId, Runnable reached) {
    Pattern pattern =
        Pattern.compile(event.replace("ID", "\\b" + Pattern.quote(jobId)), Pattern.DOTALL);
    AtomicInteger left = new AtomicInteger(occurrence);
    return watched(
        CgroupFiles.kernel(),
        happened -> {
          if (pattern.matcher(happened).matches() && left.decrementAndGet() == 0) {
            reached.run();
          }
        });
  }

  private interface Events {
    void happen(String event);
  }

  private static CgroupFiles watched(CgroupFiles real, Events events) {
    Object proxy =
        Proxy.newProxyInstance(
            Seam.class.getClassLoader(),
            new Class<?>[] {CgroupFiles.class},
            (self, method, arguments) -> {
              String what = " " + method.getName();
              for (Object each : arguments == null ? new Object[0] : arguments) {
                what += " " + (each instanceof byte[] bytes ? new String(bytes, UTF_8) : each);
              }
              events.happen("before" + what);
              try {
                Object result = method.invoke(real, arguments);
                events.happen("after" + what);
                return result;
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
    return (CgroupFiles) proxy;
  }
}
