package io.ffrtmp.governance.linux;

import static org.junit.platform.engine.discovery.ClassNameFilter.includeClassNamePatterns;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectPackage;
import static org.junit.platform.launcher.EngineFilter.includeEngines;
import static org.junit.platform.launcher.TagFilter.includeTags;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.HostReport;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.TestExecutionResult.Status;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * Runs the tests of the real kernel, for hosts that have these classes and a Java runtime and no
 * build. What it prints is for people and for scripts: each line of {@code HOST}, {@code RISK},
 * {@code CLASS}, {@code SLOW}, {@code SKIPPED}, {@code FAILED} and {@code TESTS} starts with that
 * word.
 */
public final class KernelSuite implements TestExecutionListener {
  private static final long SLOW_SECONDS = 20;

  private final long start = System.nanoTime();
  private final Map<TestIdentifier, Long> started = new ConcurrentHashMap<>();
  private int ran;
  private int failed;
  private int skipped;

  private KernelSuite() {}

  /** Runs all; with an argument, the classes whose full name matches that pattern. */
  public static void main(String[] args) {
    HostReport host = LinuxGovernor.probe();
    host.capabilities().forEach(each -> print("HOST", each));
    host.risks().forEach(each -> print("RISK", each));
    KernelSuite suite = new KernelSuite();
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(selectPackage(KernelSuite.class.getPackageName()))
            .filters(
                includeEngines("junit-jupiter"),
                includeTags("kernel"),
                includeClassNamePatterns(args.length > 0 ? args[0] : ".*"))
            .configurationParameter("junit.jupiter.execution.timeout.default", "450 s")
            .build();
    LauncherFactory.create().execute(request, suite);
    System.exit(suite.end());
  }

  private static void print(String kind, Capability told) {
    String cure = told.cure().map(each -> " | " + each).orElse("");
    System.out.println(
        kind + " " + told.name() + " | " + told.state() + " | " + told.detail() + cure);
  }

  @Override
  public void executionSkipped(TestIdentifier test, String reason) {
    skipped++;
  }

  @Override
  public void executionStarted(TestIdentifier test) {
    started.put(test, System.nanoTime());
  }

  @Override
  public void executionFinished(TestIdentifier test, TestExecutionResult result) {
    boolean aborted = result.getStatus() == Status.ABORTED;
    skipped += aborted ? 1 : 0; // a class that is aborted as a whole counts once
    if (test.isTest() && !aborted) {
      ran++;
    }
    long seconds = since(started.get(test));
    if (test.getSource().filter(ClassSource.class::isInstance).isPresent()) {
      System.out.println("CLASS " + test.getDisplayName() + " seconds " + seconds);
    } else if (test.isTest() && seconds >= SLOW_SECONDS) {
      System.out.println("SLOW " + name(test) + " seconds " + seconds);
    }
    if (result.getStatus() == Status.FAILED) {
      failed++;
      System.out.println("FAILED " + name(test));
      result.getThrowable().ifPresent(KernelSuite::print);
    }
  }

  /** Of the stack only what is ours. */
  private static void print(Throwable thrown) {
    System.out.println(thrown);
    for (StackTraceElement each : thrown.getStackTrace()) {
      if (each.getClassName().startsWith("io.ffrtmp")) {
        System.out.println("\tat " + each);
      }
    }
    Optional.ofNullable(thrown.getCause()).ifPresent(KernelSuite::print);
  }

  private static String name(TestIdentifier test) {
    return test.getUniqueId().replaceAll(".*class:[^]]*\\.", "[");
  }

  private int end() {
    System.out.printf(
        "TESTS ran %d failed %d skipped %d seconds %d%n", ran, failed, skipped, since(start));
    return ran > 0 && failed == 0 ? 0 : 1;
  }

  private static long since(long nanoTime) {
    return TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - nanoTime);
  }
}
