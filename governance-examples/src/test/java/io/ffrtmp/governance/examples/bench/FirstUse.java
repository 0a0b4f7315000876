package io.ffrtmp.governance.examples.bench;

import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Workload;

/** Does one thing as the first in a JVM; answers its nanoseconds and the resident KB after it. */
final class FirstUse {
  private FirstUse() {}

  public static void main(String[] arguments) throws Exception {
    long began = System.nanoTime();
    switch (arguments[0]) {
      case "governance" -> governance();
      case "jna" -> jna();
      default -> {}
    }
    long taken = System.nanoTime() - began;
    System.out.println(taken + " " + Host.resident());
  }

  private static void governance() throws InterruptedException {
    try (Governor governor = Peers.governor()) {
      Peers.govern(governor, Workload.of(Peers.TRUE));
    }
  }

  private static void jna() {
    System.setProperty("jna.platform.library.path", "/lib"); // or JNA runs ldconfig
    CLibrary.spawnAndWait();
  }
}
